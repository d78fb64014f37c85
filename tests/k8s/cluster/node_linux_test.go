package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// inNamespaces runs a test in namespaces of its own: the process outside starts itself in new ones and reports the result.
func inNamespaces(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv("ORCHESTRIX_K8S") == "" {
		t.Skip("ORCHESTRIX_K8S is not set: this starts a whole node ('just k8s-test')")
	}
	if os.Getenv(inside) != "" {
		enter(t)
		test(t)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("a node needs root")
	}
	for _, program := range []string{"containerd", "runc", "ctr", "iptables", "conntrack", "ip", "ldd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s: apt-get install containerd runc containernetworking-plugins iptables conntrack iproute2", program)
		}
	}
	kube(t) // built outside, where the network is
	for name := range others {
		other(t, name)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$", "-test.timeout=45m")
	t.Cleanup(removeGroups)                                        // the containers end with the namespaces; their groups don't
	command.Env = append(os.Environ(), inside+"="+shortTempDir(t)) // what is mounted there is not when it is removed
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // the death signal is tied to the thread
	defer runtime.UnlockOSThread()
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
}

const nodeAddr = "10.77.0.1"

// enter makes the namespaces usable.
func enter(t *testing.T) {
	t.Helper()
	must(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, "")) // no mount is visible outside
	must(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""))
	must(t, syscall.Mount("proc", "/proc", "proc", 0, ""))
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"link", "add", "node0", "type", "bridge"}, {"addr", "add", nodeAddr + "/24", "dev", "node0"},
		{"link", "set", "node0", "up"}, {"route", "add", "default", "via", "10.77.0.254", "dev", "node0"},
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
}

// queue hands the first packet of each connection from or to a pod to the agent that enforces NetworkPolicies, which
// then lets it through or drops it; without the agent it is dropped. The agent's own rule does the same by nftables,
// and needs a module of the kernel that is not everywhere.
func queue(t *testing.T) {
	t.Helper()
	rule := []string{"-t", "mangle", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", "100"}
	if out, err := exec.CommandContext(t.Context(), "iptables", rule...).CombinedOutput(); err != nil {
		t.Fatalf("iptables %v: %v: %s", rule, err, out)
	}
}

// startNode starts a whole cluster of one node.
func startNode(t *testing.T, imageFiles []string) *server {
	t.Helper()
	queue(t)
	s := startServer(t, "--advertise-address", nodeAddr, "--bind-address", "0.0.0.0", "--allow-privileged",
		"--kubelet-preferred-address-types", "InternalIP")
	runtimeSocket := startContainerd(t, s.dir, imageFiles)
	ca := filepath.Join(s.dir, "certificates", "apiserver.crt")
	start(t, s.dir, "kube-controller-manager", s.kube, "kube-controller-manager", "--kubeconfig", s.config, "--leader-elect=false",
		"--service-account-private-key-file", s.accountsKey, "--root-ca-file", ca, "--cert-dir", filepath.Join(s.dir, "controllers"),
		"--bind-address", "127.0.0.1")
	start(t, s.dir, "kube-scheduler", s.kube, "kube-scheduler", "--kubeconfig", s.config, "--leader-elect=false",
		"--cert-dir", filepath.Join(s.dir, "scheduler"), "--bind-address", "127.0.0.1")
	config := filepath.Join(s.dir, "kubelet.yaml")
	write(t, config, `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
cgroupRoot: /
failSwapOn: false
failCgroupV1: false
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix://`+runtimeSocket+`
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: ""
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
evictionHard: {memory.available: 100Mi}
imageGCHighThresholdPercent: 100
podLogsDir: `+filepath.Join(s.dir, "pod-logs")+`
`)
	start(t, s.dir, "kubelet", s.kube, "kubelet", "--config", config, "--kubeconfig", s.config, "--root-dir", filepath.Join(s.dir, "kubelet"),
		"--cert-dir", filepath.Join(s.dir, "kubelet-certificates"), "--hostname-override", "here", "--node-ip", nodeAddr, "--v", "2")
	proxy := filepath.Join(s.dir, "proxy.yaml")
	write(t, proxy, `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: 10.88.0.0/24
hostnameOverride: here
conntrack: {maxPerCore: 0, min: 0}
clientConnection: {kubeconfig: `+s.config+`}
`)
	start(t, s.dir, "kube-proxy", s.kube, "kube-proxy", "--config", proxy)
	await(t, "the node", func() error {
		out, err := s.kubectl("", "get", "node", "here", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		if err == nil && out != "True" {
			err = fmt.Errorf("not ready: %q", out)
		}
		return err
	})
	s.installSystem(t)
	return s
}

const containerdSocket = "containerd.sock"

// startContainerd starts a containerd of our own and loads images into it.
func startContainerd(t *testing.T, dir string, imageFiles []string) string {
	t.Helper()
	network := filepath.Join(dir, "cni")
	must(t, os.Mkdir(network, 0o700))
	write(t, filepath.Join(network, "10-bridge.conflist"), `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "`+filepath.Join(dir, "addresses")+`", "ranges": [[{"subnet": "10.88.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}`)
	socket, config := filepath.Join(dir, containerdSocket), filepath.Join(dir, "containerd.toml")
	write(t, config, fmt.Sprintf(`version = 2
root = %q
state = %q
[grpc]
address = %q
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/pause:here"
disable_apparmor = true
restrict_oom_score_adj = true # where root may not lower it
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = %q
`, filepath.Join(dir, "containerd"), filepath.Join(dir, "containerd-state"), socket, network))
	start(t, dir, "containerd", "containerd", "--config", config)
	await(t, "containerd", func() error { return ctr(t.Context(), socket, "images", "ls") })
	for _, file := range imageFiles {
		must(t, ctr(t.Context(), socket, "images", "import", file))
	}
	return socket
}

// ctr runs the client of containerd in the namespace of Kubernetes.
func ctr(ctx context.Context, socket string, args ...string) error {
	out, err := exec.CommandContext(ctx, "ctr", append([]string{"-a", socket, "-n", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %v: %w: %s", args, err, out)
	}
	return nil
}

// removeGroups removes what is left of the control groups of pods.
func removeGroups() {
	var dirs []string
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/kubepods")
	for _, root := range roots {
		_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
	}
	slices.SortFunc(dirs, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	for _, dir := range dirs {
		_ = os.Remove(dir)
	}
}

// shortTempDir is a temporary directory whose path leaves room for the names of sockets.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "orchestrix-node-")
	must(t, err)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// volumes gives the node a class of storage, and volumes for those who claim them.
func volumes(t *testing.T, s *server, names ...string) {
	t.Helper()
	s.must(t, `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`, "apply", "--server-side", "-f", "-")
	for _, name := range names {
		path := filepath.Join(s.dir, "volumes", name)
		must(t, os.MkdirAll(path, 0o755))
		s.must(t, `apiVersion: v1
kind: PersistentVolume
metadata: {name: `+name+`}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  local: {path: `+path+`}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [here]}]}]}}
`, "apply", "--server-side", "-f", "-")
	}
}
