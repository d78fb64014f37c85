package cluster

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/orchestrix-go/orchestrix/tests/k8s"
)

// modules hold the definitions of operators' resources, as their makers publish them.
var modules = map[string][]string{
	"github.com/kedacore/keda/v2@v2.18.0":                        {"config/crd/bases/keda.sh_scaledobjects.yaml"},
	"github.com/prometheus-operator/prometheus-operator@v0.85.0": {"example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"},
	"sigs.k8s.io/gateway-api@v1.4.1":                             {"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
}

// defineResources applies the definitions: those of modules, and a short one of this package for an operator without a Go
// module.
func defineResources(t *testing.T, s *server) {
	t.Helper()
	files, err := filepath.Glob("crds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for module, names := range modules {
		out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module).Output()
		var downloaded struct{ Dir string }
		if err == nil {
			err = json.Unmarshal(out, &downloaded)
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", module, err, out)
		}
		for _, name := range names {
			files = append(files, filepath.Join(downloaded.Dir, name))
		}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.must(t, string(content), "apply", "--server-side", "-f", "-")
	}
	s.must(t, "", "wait", "--for=condition=Established", "--timeout=120s", "crd", "--all")
}

// The API server accepts every overlay with every component unchanged, and its pods; a second apply changes nothing.
func TestTheManifestsAreAccepted(t *testing.T) {
	s := startServer(t)
	defineResources(t, s)
	for _, i := range k8s.Installations {
		t.Run(i.String(), func(t *testing.T) {
			in, objects := render(t, i)
			s.apply(t, in, objects)
		})
	}
}

func render(t *testing.T, i k8s.Variant) (in *k8s.Installation, objects [][]byte) {
	t.Helper()
	tree, err := k8s.LoadTree("../" + k8s.Dir)
	must(t, err)
	objects, err = tree.Render(i.Overlay, i.Components...)
	must(t, err)
	in, err = k8s.Decode(k8s.Orchestrix, objects)
	must(t, err)
	return in, objects
}

func (s *server) apply(t *testing.T, in *k8s.Installation, objects [][]byte) {
	t.Helper()
	manifests, inNamespace := joined(objects), joined(nil)
	for i, o := range in.Objects {
		if _, ok := o.(*corev1.Namespace); ok {
			s.must(t, string(objects[i]), "apply", "--server-side", "-f", "-") // a dry run does not create it
			inNamespace = joined(slices.Delete(slices.Clone(objects), i, i+1))
		}
	}
	s.must(t, manifests, "apply", "--server-side", "--dry-run=server", "-f", "-")
	t.Cleanup(func() { s.must(t, inNamespace, "delete", "--ignore-not-found", "--wait=false", "-f", "-") })
	first := s.applied(t, manifests)
	if len(first) != len(in.Objects) {
		t.Errorf("%d objects were applied, of %d", len(first), len(in.Objects))
	}
	if second := s.applied(t, manifests); !maps.Equal(first, second) {
		t.Errorf("a second time changes something:\n%v\n%v", first, second)
	}
	for _, w := range in.Workloads {
		// The API server accepts a Deployment with invalid pods, so the test applies a pod of its template too.
		if _, err := s.kubectl(podOf(t, w), "apply", "--server-side", "--dry-run=server", "-f", "-"); err != nil {
			t.Errorf("%s: %v", w, err)
		}
	}
	s.refuses(t, in.Workloads[0])
}

// refuses checks that the namespace rejects pods without the restrictions of PodSecurity.
func (s *server) refuses(t *testing.T, w k8s.Workload) {
	t.Helper()
	for what, spoil := range map[string]func(*corev1.PodSpec){
		"runAsNonRoot":             func(p *corev1.PodSpec) { p.SecurityContext.RunAsNonRoot = nil },
		"seccompProfile":           func(p *corev1.PodSpec) { p.SecurityContext.SeccompProfile = nil },
		"allowPrivilegeEscalation": func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil },
		"hostNetwork":              func(p *corev1.PodSpec) { p.HostNetwork = true },
	} {
		spoiled := w
		spoiled.Pod = *w.Pod.DeepCopy()
		spoil(&spoiled.Pod.Spec)
		if _, err := s.kubectl(podOf(t, spoiled), "apply", "--server-side", "--dry-run=server", "-f", "-"); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
			t.Errorf("a pod whose %s is not restricted got: %v", what, err)
		}
	}
}

func joined(objects [][]byte) string { return string(bytes.Join(objects, []byte("---\n"))) }

func podOf(t *testing.T, w k8s.Workload) string {
	t.Helper()
	spec := *w.Pod.Spec.DeepCopy()
	for _, name := range w.Claims { // a StatefulSet's controller would add these
		claim := corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &claim}})
	}
	pod := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "try-" + w.Name, Namespace: "orchestrix", Labels: w.Pod.Labels},
		Spec:       spec,
	}
	return marshal(t, pod)
}

// applied applies manifests and returns the version of each object afterwards.
func (s *server) applied(t *testing.T, manifests string) map[string]string {
	t.Helper()
	out := s.must(t, manifests, "apply", "--server-side", "-f", "-", "-o", "json")
	var list struct {
		Items []metav1.PartialObjectMetadata
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, o := range list.Items {
		versions[o.Kind+"/"+o.Name] = o.ResourceVersion
	}
	return versions
}

func marshal(t *testing.T, object any) string {
	t.Helper()
	content, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
