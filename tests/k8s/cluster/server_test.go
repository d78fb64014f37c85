package cluster

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// kubeVersion is what the folder kube is built from.
const kubeVersion = "v1.34.4"

// kube returns the binary with the programs of Kubernetes. It is built once, and kept in the user's cache.
func kube(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("ORCHESTRIX_KUBE"); path != "" {
		return path
	}
	path, ok := inCache(t, "kube-"+kubeVersion)
	if ok {
		return path
	}
	t.Log("building Kubernetes; that takes minutes")
	version := "-X k8s.io/component-base/version.gitVersion=" + kubeVersion +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34"
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w "+version, "-o", path, ".")
	build.Dir = "../kube"
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// inCache is where the user's cache has a program, and whether it is there.
func inCache(t *testing.T, name string) (path string, ok bool) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(cache, "orchestrix-k8s", name)
	_, err = os.Stat(path)
	return path, err == nil
}

// inside names the directory of a process that is the first of its namespaces: of networks, mounts and processes. All
// that a node starts is in them and ends with them, and nothing else on this machine sees it.
const inside = "ORCHESTRIX_K8S_INSIDE"

// server is a running API server.
type server struct {
	kube, config     string // the binary, and the kubeconfig
	dir, accountsKey string // the data directory, and the key that signs the tokens of accounts
}

// startServer starts etcd and an API server, both on loopback and in a temporary directory, with further arguments for
// the API server.
func startServer(t *testing.T, more ...string) *server {
	t.Helper()
	if os.Getenv("ORCHESTRIX_K8S") == "" {
		t.Skip("ORCHESTRIX_K8S is not set: this builds Kubernetes, which takes minutes ('just k8s-test')")
	}
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("there is no etcd: apt-get install etcd-server")
	}
	s := &server{kube: kube(t)}
	dir := cmp.Or(os.Getenv(inside), t.TempDir())
	client, peer := "http://"+freeAddr(t), "http://"+freeAddr(t)
	start(t, dir, "etcd", etcd, "--data-dir", filepath.Join(dir, "etcd-data"), "--unsafe-no-fsync",
		"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	host, port, _ := net.SplitHostPort(freeAddr(t))
	key, tokens := filepath.Join(dir, "accounts.key"), filepath.Join(dir, "tokens.csv")
	writeKey(t, key)
	token := rand.Text()
	write(t, tokens, token+",admin,admin,system:masters\n")
	s.dir, s.accountsKey = dir, key
	start(t, dir, "kube-apiserver", s.kube, append([]string{
		"kube-apiserver", "--etcd-servers", client, "--bind-address", host, "--secure-port", port,
		"--cert-dir", filepath.Join(dir, "certificates"), "--token-auth-file", tokens, "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key,
		"--service-account-signing-key-file", key, "--service-cluster-ip-range", "10.96.0.0/24",
		"--enable-admission-plugins", "PodSecurity",
	}, more...)...)
	s.config = filepath.Join(dir, "kubeconfig")
	write(t, s.config, fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "https://%s:%s", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
current-context: here
`, host, port, token))
	await(t, "the API server", func() error { _, err := s.kubectl("", "get", "--raw", "/readyz"); return err })
	return s
}

// kubectl runs kubectl with an input and returns what it printed. A warning is an error too.
func (s *server) kubectl(input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, s.kube, append([]string{"kubectl", "--kubeconfig", s.config}, args...)...)
	command.Stdin = strings.NewReader(input)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	if err == nil && strings.Contains(problems.String(), "Warning") {
		err = errors.New("it warns")
	}
	if err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, problems.String())
	}
	return out.String(), nil
}

func (s *server) must(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := s.kubectl(input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// start starts a program that is ended with the test. Its output is logged if the test fails.
func start(t *testing.T, dir, name, binary string, args ...string) {
	t.Helper()
	logs, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	command.Stdout, command.Stderr, command.Dir = logs, logs, dir
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var stopping atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := command.Wait(); !stopping.Load() {
			t.Errorf("%s ended: %v", name, err)
		}
	}()
	t.Cleanup(func() {
		stopping.Store(true)
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
		if text, err := os.ReadFile(logs.Name()); err == nil && t.Failed() {
			t.Logf("the last of %s:\n%s", name, text[max(0, len(text)-3000):])
		}
		_ = logs.Close()
	})
}

func await(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline) && !t.Failed(); time.Sleep(200 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func writeKey(t *testing.T, path string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
