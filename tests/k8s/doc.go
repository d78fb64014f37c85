// Package k8s holds deploy/k8s to the types of Kubernetes and to rules of our own, without a cluster. The folder
// cluster tries the same manifests on the real thing.
package k8s
