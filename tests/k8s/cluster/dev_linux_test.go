package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/tests/k8s"
)

// The dev overlay becomes ready on a real node that enforces its policies, refuses connections of other pods, and executes
// commands. Under a load of orders and transfers, no acknowledged command is lost while each pod is deleted, the process
// service is killed, and the services are updated.
func TestTheDevOverlayLosesNothing(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		dir := t.TempDir()
		files := images(t, dir)
		s := startNode(t, files)
		volumes(t, s, "one", "two")
		s.keepOut(t, installDev(t, s, dir))
		l := newLoad(t, s)
		sendNorthwind(t, l, filepath.Join(dir, "bin", "orchestrix"))
		b := openBank(t, l)
		b.start(l.start(t))
		for _, workload := range []string{"command", "query", "projection", "process", "nats", "postgres"} {
			l.progress(t, 50)
			t.Logf("deleting the pods of %s, after %d commands", workload, l.acknowledged.Load())
			s.must(t, "", "-n", "orchestrix", "delete", "pod", "-l", "app.kubernetes.io/name="+workload)
			s.rolledOut(t)
		}
		b.killProcesses(t, s)
		l.progress(t, 50)
		failed := l.failed.Load()
		t.Logf("updating, after %d commands; %d requests had to be sent again so far", l.acknowledged.Load(), failed)
		for _, name := range []string{"command", "query", "projection", "process"} {
			s.must(t, "", "-n", "orchestrix", "set", "image", "deployment/"+name, "service=orchestrix:next")
		}
		s.rolledOut(t)
		l.progress(t, 50)
		if now := l.failed.Load(); now != failed {
			t.Errorf("%d requests failed during the update", now-failed)
		}
		l.check(t)
		b.check(t)
	})
}

// sendNorthwind sends the file of real orders and compares the sum of the view with it.
func sendNorthwind(t *testing.T, l *load, tool string) {
	t.Helper()
	file := os.Getenv("NORTHWIND_COMMANDS")
	if file == "" {
		file = "../../../../shared/data/northwind/commands.ndjson"
	}
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Logf("the Northwind orders are not at %s and are left out; NORTHWIND_COMMANDS may name another place", file)
		return
	}
	must(t, err)
	command := exec.CommandContext(t.Context(), tool, "send", file)
	command.Env = append(os.Environ(), "ORCHESTRIX_COMMAND_URL="+l.command)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	placed := strings.Count(string(content), `"command": "place"`)
	await(t, "the Northwind orders", func() error {
		orders := 0.0
		for _, item := range l.get(t, "/v1/views/sales-by-country?limit=100", "")["items"].([]any) {
			orders += item.(map[string]any)["data"].(map[string]any)["orders"].(float64)
		}
		if orders != float64(placed) || placed == 0 {
			return fmt.Errorf("%d orders were placed, and the view has %v", placed, orders)
		}
		return nil
	})
	t.Logf("%d orders of Northwind are in the views", placed)
}

// installDev runs the commands of the README.
func installDev(t *testing.T, s *server, dir string) *k8s.Installation {
	t.Helper()
	keys := filepath.Join(dir, "keys")
	tool := filepath.Join(dir, "bin", "orchestrix")
	if out, err := exec.CommandContext(t.Context(), tool, "keys", "init", keys, "--nats-host", "nats").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	in, objects := render(t, k8s.Variant{Overlay: "dev"})
	s.must(t, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "orchestrix"}}`, "apply", "--server-side", "-f", "-")
	for _, name := range []string{"command", "projection", "query", "process", "migrate", "nats", "postgres"} {
		s.must(t, "", "-n", "orchestrix", "create", "secret", "generic", "orchestrix-"+name, "--from-file="+filepath.Join(keys, name))
	}
	s.must(t, joined(objects), "apply", "--server-side", "-f", "-")
	t.Cleanup(func() {
		if t.Failed() {
			s.tell(t, "orchestrix")
		}
	})
	s.rolledOut(t)
	s.must(t, "", "-n", "orchestrix", "wait", "--for=condition=Complete", "--timeout=300s", "job/migrate")
	return in
}

// rolledOut waits until every workload is updated and ready.
func (s *server) rolledOut(t *testing.T) {
	t.Helper()
	for _, name := range []string{"statefulset/nats", "statefulset/postgres", "deployment/command", "deployment/query", "deployment/projection", "deployment/process"} {
		s.must(t, "", "-n", "orchestrix", "rollout", "status", "--timeout=280s", name)
	}
}

// tell logs the pods, events and logs of a namespace.
func (s *server) tell(t *testing.T, namespace string) {
	t.Helper()
	for _, args := range []string{"get pods -o wide", "describe pods", "get events --sort-by=.lastTimestamp"} {
		out, err := s.kubectl("", append([]string{"-n", namespace}, strings.Fields(args)...)...)
		t.Log(args, err, out)
	}
	for _, file := range glob(t, filepath.Join(s.dir, "pod-logs", namespace+"_*", "*", "*.log")) {
		content, _ := os.ReadFile(file)
		t.Logf("%s:\n%s", file, content[max(0, len(content)-3000):])
	}
}
