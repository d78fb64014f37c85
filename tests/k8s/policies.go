package k8s

import (
	"cmp"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// permitted are the arrows that may leave and that may enter a pod of the namespace. A connection needs both.
func permitted(in *Installation, found *[]string) (out, into Arrows) {
	c := (*complaints)(found)
	out, into = Arrows{}, Arrows{}
	for _, p := range all[*policy](in) {
		subject := "NetworkPolicy " + p.Name
		self := matching(in, &p.Spec.PodSelector)
		c.require(len(self) > 0, subject, "is about no pod")
		for _, rule := range p.Spec.Egress {
			peers, ports := peersOf(in, rule.To, c, subject), portsOf(rule.Ports, c, subject)
			pairs(self, peers, ports, func(s, peer Party, port intstr.IntOrString) { out.add(s.Name, peer.Name, peer.number(port)) })
		}
		for _, rule := range p.Spec.Ingress {
			peers, ports := peersOf(in, rule.From, c, subject), portsOf(rule.Ports, c, subject)
			pairs(self, peers, ports, func(s, peer Party, port intstr.IntOrString) { into.add(peer.Name, s.Name, s.number(port)) })
		}
	}
	return out, into
}

func pairs(selves, peers []Party, ports []intstr.IntOrString, visit func(self, peer Party, port intstr.IntOrString)) {
	for _, self := range selves {
		for _, peer := range peers {
			for _, port := range ports {
				visit(self, peer, port)
			}
		}
	}
}

func portsOf(ports []networkingv1.NetworkPolicyPort, c *complaints, subject string) (found []intstr.IntOrString) {
	c.require(len(ports) > 0, subject, "allows every port")
	for _, p := range ports {
		if p.Port == nil || p.EndPort != nil {
			c.add(subject, "allows many ports in one rule")
			continue
		}
		found = append(found, *p.Port)
	}
	return found
}

// matching are the parties in the namespace that a selector matches.
func matching(in *Installation, selector *metav1.LabelSelector) (found []Party) {
	matches, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil
	}
	for _, p := range Insiders(in) {
		if matches.Matches(labels.Set(p.Labels)) {
			found = append(found, p)
		}
	}
	return found
}

// peersOf are the parties that a rule names. A peer that matches no known party is a complaint.
func peersOf(in *Installation, peers []networkingv1.NetworkPolicyPeer, c *complaints, subject string) (found []Party) {
	if len(peers) == 0 {
		return []Party{{Name: Anywhere}}
	}
	for _, peer := range peers {
		before := len(found)
		switch {
		case peer.IPBlock != nil:
			c.require(peer.IPBlock.CIDR != "0.0.0.0/0" && peer.IPBlock.CIDR != "::/0", subject, "names every address there is")
			found = append(found, Party{Name: Network})
		case peer.NamespaceSelector == nil:
			found = append(found, matching(in, peer.PodSelector)...)
		default:
			for _, o := range Outsiders {
				pod := &metav1.LabelSelector{}
				if peer.PodSelector != nil {
					pod = peer.PodSelector
				}
				exactly := len(pod.MatchExpressions) == 0 && maps.Equal(pod.MatchLabels, o.Labels)
				if peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] == o.Namespace && exactly {
					found = append(found, o)
				}
			}
		}
		c.require(len(found) > before, subject, "names a peer that matches no known party: %s", peer.String())
	}
	slices.SortFunc(found, func(a, b Party) int { return cmp.Compare(a.Name, b.Name) })
	return found
}
