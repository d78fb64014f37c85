package k8s

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// eachContainer visits every container, those that start a pod included.
func eachContainer(in *Installation, visit func(where string, w Workload, c corev1.Container)) {
	for _, w := range in.Workloads {
		for _, c := range slices.Concat(w.Pod.Spec.InitContainers, w.Pod.Spec.Containers) {
			visit(fmt.Sprintf("%s, container %s", w, c.Name), w, c)
		}
	}
}

func checkImages(in *Installation) (found []string) {
	c := (*complaints)(&found)
	pinned := func(where, image string) {
		_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
		c.require(tag != "" && tag != "latest", where, "has the image %q, which is another one tomorrow", image)
	}
	eachContainer(in, func(where string, _ Workload, container corev1.Container) { pinned(where, container.Image) })
	for _, cluster := range all[*Cluster](in) {
		pinned("Cluster "+cluster.Name, cluster.Spec.ImageName)
	}
	return found
}

func checkResources(in *Installation) (found []string) {
	c := (*complaints)(&found)
	check := func(where string, r corev1.ResourceRequirements) {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := r.Requests[name], r.Limits[name]
			c.require(!request.IsZero(), where, "requests no %s", name)
			c.require(!limit.IsZero(), where, "has no limit of %s", name)
			c.require(request.Cmp(limit) <= 0, where, "requests more %s than it may have", name)
		}
	}
	eachContainer(in, func(where string, _ Workload, container corev1.Container) {
		check(where, container.Resources)
		text, ok := in.environment(container)["GOMEMLIMIT"]
		if !ok {
			c.require(slices.Contains([]string{"", "migrate"}, in.program(container)), where, "has no GOMEMLIMIT")
			return
		}
		soft, err := resource.ParseQuantity(strings.TrimSuffix(text, "B"))
		hard := container.Resources.Limits.Memory().Value()
		c.require(err == nil && soft.Value() < hard && soft.Value() > hard*3/4, where, "has the GOMEMLIMIT %s, which is not a little below its limit", text)
	})
	for _, cluster := range all[*Cluster](in) {
		check("Cluster "+cluster.Name, cluster.Spec.Resources)
	}
	return found
}

func checkPodSecurity(in *Installation) (found []string) {
	c := (*complaints)(&found)
	for _, w := range in.Workloads {
		spec := w.Pod.Spec
		s := spec.SecurityContext
		if s == nil {
			c.add(w, "has no security context")
			continue
		}
		c.require(s.RunAsNonRoot != nil && *s.RunAsNonRoot, w, "may run as root")
		c.require(s.RunAsUser != nil && *s.RunAsUser != 0, w, "names no user to run as")
		c.require(s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, w, "has no seccomp profile")
		c.require(!spec.HostNetwork && !spec.HostPID && !spec.HostIPC, w, "shares a namespace with its host")
		c.require(spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken, w, "gets a token of the API server, which none of its programs needs")
		c.require(spec.EnableServiceLinks != nil && !*spec.EnableServiceLinks, w, "gets a variable for each Service, which may take the place of its own")
		for _, v := range spec.Volumes {
			c.require(v.HostPath == nil, w, "mounts %s of its host", v.Name)
			c.require(v.EmptyDir == nil || v.EmptyDir.SizeLimit != nil, w, "has the volume %s without a limit", v.Name)
		}
	}
	return found
}

func checkContainerSecurity(in *Installation) (found []string) {
	c := (*complaints)(&found)
	eachContainer(in, func(where string, _ Workload, container corev1.Container) {
		s := container.SecurityContext
		if s == nil {
			c.add(where, "has no security context")
			return
		}
		c.require(s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, where, "may gain privileges")
		c.require(s.Privileged == nil || !*s.Privileged, where, "is privileged")
		c.require(s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem, where, "may write to its image")
		c.require(s.Capabilities != nil && slices.Contains(s.Capabilities.Drop, "ALL") && len(s.Capabilities.Add) == 0, where, "keeps capabilities")
	})
	return found
}

func checkProbes(in *Installation) (found []string) {
	c := (*complaints)(&found)
	eachContainer(in, func(where string, w Workload, container corev1.Container) {
		if w.Kind == "Job" {
			return // a job ends, and has a deadline
		}
		ours := in.program(container) != ""
		for _, p := range []struct {
			name, path string // of our services
			probe      *corev1.Probe
		}{
			{"startup", "/healthz", container.StartupProbe},
			{"liveness", "/healthz", container.LivenessProbe}, // a restart does not repair a dependency
			{"readiness", "/readyz", container.ReadinessProbe},
		} {
			if p.probe == nil {
				c.add(where, "has no %s probe", p.name)
				continue
			}
			c.require(p.probe.TimeoutSeconds > 0, where, "has a %s probe without a time limit", p.name)
			get := p.probe.HTTPGet
			if get == nil {
				c.require(!ours && p.probe.Exec != nil, where, "has a %s probe that asks for nothing", p.name)
				continue
			}
			c.require(get.Port.Type == intstr.String && w.port(get.Port.StrVal) != 0, where, "has a %s probe of the port %s, which it does not have", p.name, get.Port.String())
			c.require(!ours || get.Path == p.path && get.Port.StrVal == "health", where, "has a %s probe of %s on %s; it must be %s on health", p.name, get.Path, get.Port.String(), p.path)
		}
	})
	return found
}

// checkStopping: a pod has enough time to become unready, complete the work in flight, and end.
func checkStopping(in *Installation) (found []string) {
	c := (*complaints)(&found)
	for _, w := range in.Workloads {
		if w.Rolling != nil {
			c.require(w.Rolling.MaxUnavailable != nil && w.Rolling.MaxUnavailable.IntValue() == 0, w, "stops an instance before its successor is ready")
		}
	}
	eachContainer(in, func(where string, w Workload, container corev1.Container) {
		if in.program(container) == "" || w.Kind != "Deployment" {
			return
		}
		environment := in.environment(container)
		drain, err := time.ParseDuration(environment["ORCHESTRIX_SHUTDOWN_TIMEOUT"])
		if err != nil {
			c.add(where, "has no ORCHESTRIX_SHUTDOWN_TIMEOUT that could be read: %v", err)
			return
		}
		sleep := time.Duration(0)
		if l := container.Lifecycle; l != nil && l.PreStop != nil {
			c.require(l.PreStop.Sleep != nil, where, "has a preStop that the image can't run: it has no shell")
			if l.PreStop.Sleep != nil {
				sleep = time.Duration(l.PreStop.Sleep.Seconds) * time.Second
			}
		}
		c.require(w.port("http") == 0 || sleep > 0, where, "stops while proxies still send to it: it has no preStop")
		grace := time.Duration(0)
		if g := w.Pod.Spec.TerminationGracePeriodSeconds; g != nil {
			grace = time.Duration(*g) * time.Second
		}
		const spare = 5 * time.Second // for the runtime, and for ending what was cut off
		c.require(grace >= sleep+drain+spare, where, "is killed after %v, and needs %v to sleep and %v to drain", grace, sleep, drain)
	})
	return found
}
