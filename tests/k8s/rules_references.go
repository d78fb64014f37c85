package k8s

import (
	"fmt"
	"slices"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// checkReferences: every object that another one names exists. Secrets are created by the operator, and not checked.
func checkReferences(in *Installation) (found []string) {
	c := (*complaints)(&found)
	var accounts []string
	for _, a := range all[*corev1.ServiceAccount](in) {
		accounts = append(accounts, a.Name)
	}
	for _, w := range in.Workloads {
		c.require(slices.Contains(accounts, w.Pod.Spec.ServiceAccountName), w, "runs as the ServiceAccount %q, which is not there", w.Pod.Spec.ServiceAccountName)
		c.require(w.Headless == "" || in.service(w.Headless) != nil, w, "names its pods by the Service %s, which is not there", w.Headless)
		for _, v := range w.Pod.Spec.Volumes {
			for _, name := range configMapsOf(v) {
				c.require(in.configMap(name) != nil, w, "mounts the ConfigMap %s, which is not there", name)
			}
		}
	}
	eachContainer(in, func(where string, _ Workload, container corev1.Container) {
		for _, from := range container.EnvFrom {
			c.require(from.ConfigMapRef != nil && in.configMap(from.ConfigMapRef.Name) != nil, where, "takes its environment from what is not there")
		}
	})
	for _, b := range backends(in) {
		s := in.service(b.service)
		if s == nil {
			c.add(b.from, "sends to the Service %s, which is not there", b.service)
			continue
		}
		_, ok := servicePort(s, b.port)
		c.require(ok, b.from, "sends to the port %s of the Service %s, which it does not have", b.port, b.service)
	}
	return found
}

func configMapsOf(v corev1.Volume) (names []string) {
	if v.ConfigMap != nil {
		names = append(names, v.ConfigMap.Name)
	}
	if v.Projected != nil {
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				names = append(names, source.ConfigMap.Name)
			}
		}
	}
	return names
}

// backend is a Service that requests from outside are sent to.
type backend struct{ from, service, port string }

func backends(in *Installation) (found []backend) {
	for _, ingress := range all[*networkingv1.Ingress](in) {
		for _, rule := range ingress.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				port := p.Backend.Service.Port.Name
				if port == "" {
					port = fmt.Sprint(p.Backend.Service.Port.Number)
				}
				found = append(found, backend{"Ingress " + ingress.Name, p.Backend.Service.Name, port})
			}
		}
	}
	for _, route := range all[*gatewayv1.HTTPRoute](in) {
		for _, rule := range route.Spec.Rules {
			for _, ref := range rule.BackendRefs {
				port := "none"
				if ref.Port != nil {
					port = fmt.Sprint(*ref.Port)
				}
				found = append(found, backend{"HTTPRoute " + route.Name, string(ref.Name), port})
			}
		}
	}
	return found
}

// servicePort finds a port of a Service by its name or number.
func servicePort(s *corev1.Service, nameOrNumber string) (corev1.ServicePort, bool) {
	i := slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Name == nameOrNumber || fmt.Sprint(p.Port) == nameOrNumber
	})
	if i < 0 {
		return corev1.ServicePort{}, false
	}
	return s.Spec.Ports[i], true
}

// checkSelectors: each selector selects one workload, and each port is one of its ports.
func checkSelectors(in *Installation) (found []string) {
	c := (*complaints)(&found)
	one := func(subject any, selector *metav1.LabelSelector) (Workload, bool) {
		selected := in.selected(selector)
		c.require(len(selected) == 1, subject, "selects %v; it must be one workload", selected)
		if len(selected) != 1 {
			return Workload{}, false
		}
		return selected[0], true
	}
	for _, w := range in.Workloads {
		if w.Selector != nil {
			if selected, ok := one(w, w.Selector); ok {
				c.require(selected.Name == w.Name, w, "selects the pods of %s", selected)
			}
		}
	}
	for _, s := range all[*corev1.Service](in) {
		w, ok := one("Service "+s.Name, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
		for _, p := range s.Spec.Ports {
			c.require(!ok || w.port(p.TargetPort.StrVal) != 0, "Service "+s.Name, "sends to the port %s, which %s does not have", p.TargetPort.String(), w)
		}
	}
	for _, b := range all[*budget](in) {
		one("PodDisruptionBudget "+b.Name, b.Spec.Selector)
	}
	for _, m := range all[*monitoringv1.PodMonitor](in) {
		selected := in.selected(&m.Spec.Selector)
		c.require(len(selected) > 0, "PodMonitor "+m.Name, "selects nothing")
		for _, w := range selected {
			for _, e := range m.Spec.PodMetricsEndpoints {
				c.require(e.Port != nil && w.port(*e.Port) != 0, "PodMonitor "+m.Name, "scrapes a port that %s does not have", w)
			}
		}
	}
	return append(found, checkPorts(in)...)
}

// checkPorts: the address that a service listens on matches the port of its container, and no pod reaches the admin port, which
// listens on loopback by default.
func checkPorts(in *Installation) (found []string) {
	c := (*complaints)(&found)
	eachContainer(in, func(where string, w Workload, container corev1.Container) {
		if in.program(container) == "" || w.Kind != "Deployment" {
			return
		}
		environment := in.environment(container)
		for _, p := range [][2]string{{"http", "ORCHESTRIX_ADDR"}, {"health", "ORCHESTRIX_HEALTH_ADDR"}} {
			port, addr := w.port(p[0]), environment[p[1]]
			c.require(port == 0 && addr == "" || addr == fmt.Sprintf(":%d", port), where, "has the port %s at %d, and %s is %q", p[0], port, p[1], addr)
		}
		c.require(environment["ORCHESTRIX_ADMIN_ADDR"] == "", where, "opens the admin port to other pods")
		c.require(environment["ORCHESTRIX_ADMIN_TOKEN_FILE"] != "", where, "has no tokens of operators")
	})
	return found
}

// checkScaling: the number of instances is set by an autoscaler or by the manifest, never by both.
func checkScaling(in *Installation) (found []string) {
	c := (*complaints)(&found)
	scaled := map[string]string{}
	by := func(scaler, target string) {
		if other, ok := scaled[target]; ok {
			c.add(scaler, "scales %s, and so does %s", target, other)
		}
		scaled[target] = scaler
		w, ok := in.workload(target)
		c.require(ok && w.Kind == "Deployment", scaler, "scales the Deployment %s, which is not there", target)
		c.require(!ok || w.Replicas == nil, scaler, "scales %s, whose replicas the manifest sets back", target)
	}
	for _, h := range all[*autoscaler](in) {
		by("HorizontalPodAutoscaler "+h.Name, h.Spec.ScaleTargetRef.Name)
	}
	for _, s := range all[*ScaledObject](in) {
		by("ScaledObject "+s.Name, s.Spec.ScaleTargetRef.Name)
	}
	for _, d := range all[*deployment](in) {
		budgeted := slices.ContainsFunc(all[*budget](in), func(b *budget) bool { return b.Name == d.Name })
		several := scaled[d.Name] != "" || d.Spec.Replicas != nil && *d.Spec.Replicas > 1
		c.require(budgeted == several, "Deployment "+d.Name, "has a budget for evictions: %v, several instances: %v", budgeted, several)
	}
	return found
}
