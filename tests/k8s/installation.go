package k8s

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Source is where the program of an installation comes from.
type Source struct {
	Image   string // its name, without registry and tag
	Dir     string // of the module
	Package string // of the main function, in the module
}

// Orchestrix is this repository: its program has the sample domain.
var Orchestrix = Source{Image: "orchestrix", Dir: "../..", Package: "./cmd/orchestrix"}

// Installation holds the decoded objects of a rendered overlay.
type Installation struct {
	Source    Source
	Objects   []runtime.Object
	Workloads []Workload
}

// Workload is an object that creates pods.
type Workload struct {
	Kind, Name string
	Selector   *metav1.LabelSelector // nil: a Job, which makes its own
	Pod        corev1.PodTemplateSpec
	Replicas   *int32
	Rolling    *appsv1.RollingUpdateDeployment
	Headless   string   // the Service that names its pods
	Claims     []string // names of volumes that each pod has of its own
}

func (w Workload) String() string { return w.Kind + " " + w.Name }

// Decode reads objects strictly: a field that its type does not have is an error.
func Decode(source Source, objects [][]byte) (*Installation, error) {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoringv1.AddToScheme, gatewayv1.Install} {
		if err := add(known); err != nil {
			return nil, err
		}
	}
	addOperators(known)
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, known, known, json.SerializerOptions{Yaml: true, Strict: true})
	in := &Installation{Source: source}
	for _, raw := range objects {
		object, _, err := decoder.Decode(raw, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, raw)
		}
		in.Objects = append(in.Objects, object)
		if w := workload(object); w != nil {
			in.Workloads = append(in.Workloads, *w)
		}
	}
	slices.SortFunc(in.Workloads, func(a, b Workload) int { return cmp.Compare(a.Name, b.Name) })
	return in, nil
}

func workload(object runtime.Object) *Workload {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &Workload{
			Kind: "Deployment", Name: o.Name, Selector: o.Spec.Selector, Pod: o.Spec.Template, Replicas: o.Spec.Replicas,
			Rolling: o.Spec.Strategy.RollingUpdate,
		}
	case *appsv1.StatefulSet:
		w := &Workload{
			Kind: "StatefulSet", Name: o.Name, Selector: o.Spec.Selector, Pod: o.Spec.Template, Replicas: o.Spec.Replicas,
			Headless: o.Spec.ServiceName,
		}
		for _, claim := range o.Spec.VolumeClaimTemplates {
			w.Claims = append(w.Claims, claim.Name)
		}
		return w
	case *batchv1.Job:
		return &Workload{Kind: "Job", Name: o.Name, Pod: o.Spec.Template}
	case *appsv1.DaemonSet, *appsv1.ReplicaSet, *batchv1.CronJob, *corev1.Pod:
		panic(fmt.Sprintf("no rule looks at a %T", o)) // an object that creates pods must not be missed
	}
	return nil
}

// all are the objects of a type.
func all[T runtime.Object](in *Installation) []T {
	var found []T
	for _, object := range in.Objects {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// selected are the workloads whose pods a selector matches.
func (in *Installation) selected(selector *metav1.LabelSelector) []Workload {
	matches, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil
	}
	var found []Workload
	for _, w := range in.Workloads {
		if matches.Matches(labels.Set(w.Pod.Labels)) {
			found = append(found, w)
		}
	}
	return found
}

func (in *Installation) workload(name string) (Workload, bool) {
	i := slices.IndexFunc(in.Workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}, false
	}
	return in.Workloads[i], true
}

func (in *Installation) service(name string) *corev1.Service {
	for _, s := range all[*corev1.Service](in) {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (in *Installation) configMap(name string) *corev1.ConfigMap {
	for _, c := range all[*corev1.ConfigMap](in) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// environment is the environment of a container by name; a value from a Secret is empty.
func (in *Installation) environment(c corev1.Container) map[string]string {
	found := map[string]string{}
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef == nil {
			continue
		}
		if m := in.configMap(from.ConfigMapRef.Name); m != nil {
			for name, value := range m.Data {
				found[from.Prefix+name] = value
			}
		}
	}
	for _, variable := range c.Env {
		found[variable.Name] = variable.Value
	}
	return found
}

// port is the number of a named port of a workload; 0: it has none.
func (w Workload) port(name string) int32 {
	for _, c := range w.Pod.Spec.Containers {
		if n := portNamed(c.Ports, name); n != 0 {
			return n
		}
	}
	return 0
}

// ours is the program of our image: every container runs it with the name of a subcommand.
const ours = "/orchestrix"

// program is the subcommand that a container of our image runs, "" for a container of another image.
func (in *Installation) program(c corev1.Container) string {
	image := c.Image[strings.LastIndex(c.Image, "/")+1:]
	if end := strings.IndexAny(image, ":@"); end >= 0 {
		image = image[:end]
	}
	if image != in.Source.Image {
		return ""
	}
	if len(c.Command) < 2 || c.Command[0] != ours {
		return "?"
	}
	words := slices.Clone(c.Command[1:])
	if flag := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") }); flag >= 0 {
		words = words[:flag]
	}
	return strings.Join(words, " ")
}

// The types that rules ask for by name.
type (
	deployment = appsv1.Deployment
	autoscaler = autoscalingv2.HorizontalPodAutoscaler
	budget     = policyv1.PodDisruptionBudget
	policy     = networkingv1.NetworkPolicy
)
