package k8s

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Party is one end of connections: a workload, a cluster of Postgres, or a client outside the namespace.
type Party struct {
	Name, Namespace string
	Labels          map[string]string
	Ports           []corev1.ContainerPort
}

// Insiders are the parties in the namespace.
func Insiders(in *Installation) (found []Party) {
	for _, w := range in.Workloads {
		p := Party{Name: w.Name, Namespace: namespace, Labels: w.Pod.Labels}
		for _, c := range w.Pod.Spec.Containers {
			p.Ports = append(p.Ports, c.Ports...)
		}
		found = append(found, p)
	}
	for _, c := range all[*Cluster](in) {
		labels := map[string]string{"cnpg.io/cluster": c.Name} // which the operator gives to its pods
		found = append(found, Party{Name: c.Name, Namespace: namespace, Labels: labels, Ports: ports(5432, 8000)})
	}
	return found
}

const namespace = "orchestrix"

func ports(numbers ...int32) (found []corev1.ContainerPort) {
	for _, n := range numbers {
		found = append(found, corev1.ContainerPort{ContainerPort: n})
	}
	return found
}

// number is that of a port by its number or name; 0: there is none of this name.
func (p Party) number(port intstr.IntOrString) int32 {
	if port.Type == intstr.Int {
		return port.IntVal
	}
	return portNamed(p.Ports, port.StrVal)
}

func portNamed(ports []corev1.ContainerPort, name string) int32 {
	for _, p := range ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}
