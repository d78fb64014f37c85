package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/orchestrix-go/orchestrix/tests/k8s"
)

const namespace = "orchestrix"

// stranger is a pod in a namespace that no policy names; unlabelled is one in our namespace without a label. The network is that
// of an existing NATS and Postgres.
var (
	stranger   = k8s.Party{Name: "stranger", Namespace: "elsewhere", Ports: []corev1.ContainerPort{{ContainerPort: 443}, {ContainerPort: 8080}}}
	unlabelled = k8s.Party{Name: "unlabelled", Namespace: namespace}
	network    = k8s.Party{Name: k8s.Network, Namespace: "beyond", Ports: []corev1.ContainerPort{{ContainerPort: 4222}, {ContainerPort: 5432}}}
)

// Where policies are enforced, the connections that the configuration of the programs needs succeed, and all others fail: for
// each overlay, alone and with all components, from each pod to each port. Substitutes with the labels and ports of the
// real pods, and of clients outside that policies name, try the connections.
func TestOnlyNeededConnectionsCanBeMade(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		dir := t.TempDir()
		bin := filepath.Join(dir, "bin")
		build(t, "..", bin, "./cluster/standin/...")
		s := startNode(t, archives(t, dir, systemImages(t, bin)))
		outsiders := append(slices.Clone(k8s.Outsiders), stranger, network)
		for _, p := range outsiders {
			if p.Name != "dns" { // which is there
				s.startSubstitute(t, p, p.Name)
			}
		}
		for _, i := range k8s.Installations {
			if len(i.Components) != 1 { // which those with all of them hold too
				t.Run(i.String(), func(t *testing.T) { s.tryPolicies(t, i, outsiders) })
			}
		}
	})
}

func (s *server) tryPolicies(t *testing.T, i k8s.Variant, outsiders []k8s.Party) {
	in, objects := render(t, i)
	need := k8s.Needed(in)
	insiders := append(k8s.Insiders(in), unlabelled)
	for n, o := range in.Objects {
		if _, ok := o.(*corev1.Namespace); ok {
			s.must(t, string(objects[n]), "apply", "--server-side", "-f", "-")
		}
	}
	t.Cleanup(func() {
		s.must(t, "", "-n", namespace, "delete", "networkpolicies,pods", "--all", "--timeout=280s")
	})
	for _, p := range insiders {
		s.startSubstitute(t, p, p.Name)
		if slices.ContainsFunc(slices.Collect(maps.Keys(need)), func(a k8s.Arrow) bool { return a.From == p.Name && a.To == p.Name }) {
			s.startSubstitute(t, p, p.Name+"-2")
		}
	}
	parties := slices.Concat(insiders, outsiders)
	s.checkConnections(t, parties, func(_, _ k8s.Party, _ int32) bool { return true }) // without policies: a later refusal is theirs
	there, err := s.members([]k8s.Party{network})
	must(t, err)
	networks := strings.NewReplacer("198.51.100.0/24", there[0].address+"/32", "203.0.113.0/24", there[0].address+"/32") // as in the overlay
	for n, o := range in.Objects {
		if _, ok := o.(*networkingv1.NetworkPolicy); ok {
			s.must(t, networks.Replace(string(objects[n])), "apply", "--server-side", "-f", "-")
		}
	}
	s.checkConnections(t, parties, needs(need))
}

// needs reports whether a connection must succeed: a needed one, and one to a party outside the namespace that no policy of
// the namespace controls.
func needs(need k8s.Arrows) func(from, to k8s.Party, port int32) bool {
	return func(from, to k8s.Party, port int32) bool {
		outside := to.Namespace != namespace
		return need[k8s.Arrow{From: from.Name, To: to.Name, Port: port}] ||
			outside && (from.Namespace != namespace || need[k8s.Arrow{From: from.Name, To: k8s.Anywhere, Port: port}])
	}
}

// keepOut tries connections to the real pods from pods that no policy allows.
func (s *server) keepOut(t *testing.T, in *k8s.Installation) {
	t.Helper()
	s.startSubstitute(t, stranger, stranger.Name)
	s.startSubstitute(t, unlabelled, unlabelled.Name)
	s.checkConnections(t, slices.Concat(k8s.Insiders(in), k8s.Outsiders, []k8s.Party{stranger, unlabelled}), needs(k8s.Needed(in)))
}

// partyLabel is the label of a pod that tries connections for a party.
const partyLabel = "party"

// startSubstitute starts a pod with the labels and ports of a party.
func (s *server) startSubstitute(t *testing.T, p k8s.Party, name string) {
	t.Helper()
	args, no, user, grace := []string{"listen"}, false, int64(65532), int64(1)
	if p.Namespace != namespace {
		user = 0 // some listen on privileged ports
	}
	for _, port := range p.Ports {
		args = append(args, strconv.Itoa(int(port.ContainerPort)))
	}
	labels := map[string]string{partyLabel: p.Name}
	maps.Copy(labels, p.Labels)
	restricted := user != 0
	pod := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: p.Namespace, Labels: labels},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no, EnableServiceLinks: &no, TerminationGracePeriodSeconds: &grace,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &restricted, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "reach", Image: "reach:here", ImagePullPolicy: corev1.PullNever, Args: args, Ports: p.Ports,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
	if user == 0 {
		pod.Spec.Containers[0].SecurityContext = nil
	}
	s.must(t, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "`+p.Namespace+`"}}`, "apply", "--server-side", "-f", "-")
	s.must(t, "", "-n", p.Namespace, "wait", "--for=create", "--timeout=280s", "serviceaccount/default")
	s.must(t, marshal(t, pod), "apply", "--server-side", "-f", "-")
}

// member is a pod of a party.
type member struct {
	k8s.Party
	pod, address string
	tries        bool // it is a substitute, which can try connections
}

// checkConnections tries to connect from each substitute to each port of all other parties, until exactly the allowed
// connections succeed.
func (s *server) checkConnections(t *testing.T, parties []k8s.Party, allowed func(from, to k8s.Party, port int32) bool) {
	t.Helper()
	var tried int
	await(t, "the connections", func() error {
		members, err := s.members(parties)
		if err != nil {
			return err
		}
		tried = 0
		problems := make([]error, len(members))
		var trying sync.WaitGroup
		few := make(chan struct{}, 4)
		for n, from := range members {
			if !from.tries {
				continue
			}
			want := targets(from, members, allowed)
			tried += len(want)
			trying.Go(func() {
				few <- struct{}{}
				defer func() { <-few }()
				problems[n] = s.try(from, want)
			})
		}
		trying.Wait()
		return errors.Join(problems...)
	})
	t.Logf("%d connections were tried between pods; each is made or denied as it should be", tried)
}

// members are the pods of parties. Each party with a substitute must have one.
func (s *server) members(parties []k8s.Party) (found []member, err error) {
	out, err := s.kubectl("", "get", "pods", "-A", "-o", "json")
	var list corev1.PodList
	if err == nil {
		err = json.Unmarshal([]byte(out), &list)
	}
	for _, pod := range list.Items {
		name, tries := pod.Labels[partyLabel]
		i := slices.IndexFunc(parties, func(p k8s.Party) bool {
			return p.Namespace == pod.Namespace && (tries && name == p.Name || !tries && len(p.Labels) > 0 && holds(pod.Labels, p.Labels))
		})
		switch {
		case i < 0 || pod.Status.Phase == corev1.PodSucceeded || pod.DeletionTimestamp != nil:
		case pod.Status.Phase != corev1.PodRunning:
			err = errors.Join(err, fmt.Errorf("%s is %s", pod.Name, pod.Status.Phase))
		default:
			found = append(found, member{parties[i], pod.Name, pod.Status.PodIP, tries})
		}
	}
	return found, err
}

func holds(labels, some map[string]string) bool {
	for name, value := range some {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// target is a port of a pod.
type target struct {
	name    string // of its party, and its port
	allowed bool
}

func targets(from member, members []member, allowed func(from, to k8s.Party, port int32) bool) map[string]target {
	found := map[string]target{}
	for _, to := range members {
		for _, port := range to.Ports {
			if to.pod != from.pod {
				number := strconv.Itoa(int(port.ContainerPort))
				found[net.JoinHostPort(to.address, number)] = target{to.pod + ":" + number, allowed(from.Party, to.Party, port.ContainerPort)}
			}
		}
	}
	return found
}

// try connects from a pod to addresses, and returns those whose result is not the expected one.
func (s *server) try(from member, want map[string]target) error {
	addresses := slices.Sorted(maps.Keys(want))
	out, err := s.kubectl("", append([]string{"-n", from.Namespace, "exec", from.pod, "--", "/reach", "to"}, addresses...)...)
	if err != nil {
		return err
	}
	reached := strings.Fields(out)
	var problems []error
	for _, address := range addresses {
		switch can := slices.Contains(reached, address); {
		case can && !want[address].allowed:
			problems = append(problems, fmt.Errorf("%s reaches %s, and must not", from.pod, want[address].name))
		case !can && want[address].allowed:
			problems = append(problems, fmt.Errorf("%s does not reach %s", from.pod, want[address].name))
		}
	}
	return errors.Join(problems...)
}
