package cluster

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// others are programs that a cluster needs besides those of Kubernetes, each built from its unmodified module.
var others = map[string]string{
	"coredns":  "github.com/coredns/coredns@v1.14.7",
	"policies": "sigs.k8s.io/kube-network-policies/cmd@v0.8.0",
}

// other returns the binary of such a program. It is built once, and kept in the user's cache.
func other(t *testing.T, name string) string {
	t.Helper()
	program, version, _ := strings.Cut(others[name], "@")
	file, ok := inCache(t, name+"-"+version)
	if ok {
		return file
	}
	t.Logf("building %s; that takes minutes", others[name])
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	dir, err := os.MkdirTemp(filepath.Dir(file), "building-")
	must(t, err)
	defer os.RemoveAll(dir)
	build := exec.CommandContext(t.Context(), "go", "install", "-trimpath", "-ldflags", "-s -w", others[name])
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, os.Rename(filepath.Join(dir, path.Base(program)), file))
	return file
}

// systemImages are the images of these programs, and of the substitutes that are built already.
func systemImages(t *testing.T, bin string) (all []image) {
	t.Helper()
	one := func(name, file string) {
		all = append(all, image{name: name + ":here", files: map[string]string{"/" + name: file}, entrypoint: []string{"/" + name}})
	}
	for name := range others {
		one(name, other(t, name))
	}
	for _, name := range []string{"pause", "reach"} {
		one(name, filepath.Join(bin, name))
	}
	return all
}

// installSystem applies the manifests of the folder system, and waits until their pods are ready.
func (s *server) installSystem(t *testing.T) {
	t.Helper()
	for _, file := range glob(t, "system/*.yaml") {
		content, err := os.ReadFile(file)
		must(t, err)
		s.must(t, string(content), "apply", "--server-side", "-f", "-")
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.tell(t, "kube-system")
		}
	})
	for _, name := range []string{"daemonset/policies", "deployment/coredns"} {
		s.must(t, "", "-n", "kube-system", "rollout", "status", "--timeout=280s", name)
	}
}
