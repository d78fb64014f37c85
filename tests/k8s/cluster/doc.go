// Package cluster tests deploy/k8s on real Kubernetes: an API server built from the Go module of Kubernetes, on etcd,
// with the definitions of every operator that the components use; and, as root on Linux, a whole node with a DNS and an
// agent that enforces policies, both built from their modules too. `just k8s-test` runs it. It needs etcd
// (apt-get install etcd-server), several minutes for the first build, and nothing that is not on this machine or
// behind the Go module proxy.
package cluster
