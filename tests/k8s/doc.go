// Package k8s checks deploy/k8s against the types of Kubernetes and rules of the project, without a cluster, and compares how a
// generated project is deployed with it. The folder cluster tests the same manifests on real Kubernetes.
package k8s
