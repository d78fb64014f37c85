package k8s

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Arrow is a connection: from one party to a port of another.
type Arrow struct {
	From, To string
	Port     int32
}

func (a Arrow) String() string { return fmt.Sprintf("%s → %s:%d", a.From, a.To, a.Port) }

// Arrows are a set of connections.
type Arrows map[Arrow]bool

func (a Arrows) add(from, to string, port int32) { a[Arrow{from, to, port}] = true }

// Outsiders are the parties outside the namespace that a policy may name, by their namespace and, where needed, by the
// labels of their pods.
var Outsiders = []Party{
	{Name: "dns", Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}, Ports: ports(53)},
	{Name: "prometheus", Namespace: "monitoring", Labels: map[string]string{"app.kubernetes.io/name": "prometheus"}},
	{Name: "otel-collector", Namespace: "monitoring", Labels: map[string]string{"app.kubernetes.io/name": "opentelemetry-collector"}, Ports: ports(4318)},
	{Name: "gateway", Namespace: "gateway"},
	{Name: "ingress", Namespace: "ingress-nginx"},
	{Name: "postgres-operator", Namespace: "cnpg-system", Labels: map[string]string{"app.kubernetes.io/name": "cloudnative-pg"}},
}

// Peers that are no party: one without a selector, and one of addresses.
const (
	Anywhere = "anywhere"
	Network  = "network"
)

// Needed are the connections that the programs make according to their configuration.
func Needed(in *Installation) Arrows {
	need := Arrows{}
	eachContainer(in, func(_ string, w Workload, container corev1.Container) {
		environment := in.environment(container)
		for _, variable := range []string{"NATS_URL", "DATABASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
			for text := range strings.SplitSeq(environment[variable], ",") {
				if u, err := url.Parse(text); err == nil && u.Host != "" && (variable != "OTEL_EXPORTER_OTLP_ENDPOINT" || w.Kind != "Job") {
					needURL(in, need, w.Name, u)
				}
			}
		}
	})
	for _, m := range all[*monitoringv1.PodMonitor](in) {
		for _, w := range in.selected(&m.Spec.Selector) {
			for _, e := range m.Spec.PodMetricsEndpoints {
				need.add("prometheus", w.Name, w.port(*e.Port))
			}
		}
	}
	for _, b := range backends(in) {
		if s := in.service(b.service); s != nil {
			to, port := resolve(in, s, b.port)
			need.add(edgeOf(in, b), to, port)
		}
	}
	needNATS(in, need)
	needPostgres(in, need)
	return need
}

func edgeOf(in *Installation, b backend) string {
	if strings.HasPrefix(b.from, "HTTPRoute") && len(all[*gatewayv1.HTTPRoute](in)) > 0 {
		return "gateway"
	}
	return "ingress"
}

// needURL adds the arrow to the host of an URL, and the one to DNS that finds it.
func needURL(in *Installation, need Arrows, from string, u *url.URL) {
	need.add(from, "dns", 53)
	labels := strings.Split(u.Hostname(), ".")
	for _, name := range []string{labels[0], labels[min(1, len(labels)-1)]} { // nats, or nats-0.nats-nodes
		if s := in.service(name); s != nil {
			to, port := resolve(in, s, u.Port())
			need.add(from, to, port)
			return
		}
	}
	for _, cluster := range all[*Cluster](in) {
		if labels[0] == cluster.Name+"-rw" {
			need.add(from, cluster.Name, number(u.Port()))
			return
		}
	}
	for _, o := range Outsiders {
		if len(labels) == 2 && labels[0] == o.Name && labels[1] == o.Namespace {
			need.add(from, o.Name, number(u.Port()))
			return
		}
	}
	need.add(from, Network, number(u.Port()))
}

func number(port string) int32 {
	var n int32
	_, _ = fmt.Sscan(port, &n)
	return n
}

// resolve finds the workload and its port behind a port of a Service.
func resolve(in *Installation, s *corev1.Service, port string) (string, int32) {
	p, ok := servicePort(s, port)
	selected := in.selected(&metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	if !ok || len(selected) != 1 {
		return "nothing behind " + s.Name, number(port)
	}
	return selected[0].Name, selected[0].port(p.TargetPort.StrVal)
}

// needNATS adds the routes between the servers of a cluster.
func needNATS(in *Installation, need Arrows) {
	for _, m := range all[*corev1.ConfigMap](in) {
		for text := range strings.FieldsSeq(m.Data["nats.conf"]) {
			if u, err := url.Parse(text); err == nil && u.Scheme == "nats-route" {
				needURL(in, need, "nats", u)
			}
		}
	}
}

// needPostgres adds what CloudNativePG's instances do: follow each other, report their state to the operator and each other,
// and ask the API server for the primary.
func needPostgres(in *Installation, need Arrows) {
	for _, c := range all[*Cluster](in) {
		need.add(c.Name, c.Name, 5432)
		need.add(c.Name, c.Name, 8000)
		need.add("postgres-operator", c.Name, 8000)
		need.add(c.Name, "dns", 53)
		need.add(c.Name, Anywhere, 443)
		need.add(c.Name, Anywhere, 6443)
	}
}

// checkArrows compares what the policies allow with what is needed.
func checkArrows(in *Installation) (found []string) {
	c := (*complaints)(&found)
	for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		c.require(slices.ContainsFunc(all[*policy](in), func(p *policy) bool { return denies(p, direction) }), direction, "is not denied where no policy allows it")
	}
	need := Needed(in)
	out, into := permitted(in, &found)
	for a := range need {
		c.require(!insider(in, a.From) || out[a], a, "is needed, and may not go out")
		c.require(!insider(in, a.To) || into[a], a, "is needed, and may not come in")
	}
	for a := range out {
		c.require(need[a], a, "may go out, and nothing needs it")
	}
	for a := range into {
		c.require(need[a], a, "may come in, and nothing needs it")
	}
	return found
}

// denies reports whether a policy denies a direction to every pod.
func denies(p *policy, direction networkingv1.PolicyType) bool {
	return len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions)+len(p.Spec.Ingress)+len(p.Spec.Egress) == 0 &&
		slices.Contains(p.Spec.PolicyTypes, direction)
}

func insider(in *Installation, name string) bool {
	return slices.ContainsFunc(Insiders(in), func(p Party) bool { return p.Name == name })
}
