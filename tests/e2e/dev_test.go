package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// box is what "dev --json" prints when everything is ready.
type box struct {
	CommandURL  string `json:"command_url"`
	QueryURL    string `json:"query_url"`
	HealthURL   string `json:"health_url"`
	NATSURL     string `json:"nats_url"`
	DatabaseURL string `json:"database_url"`
	DataDir     string `json:"data_dir"`
}

var anyPort = []string{
	"--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--nats-addr", "127.0.0.1:0",
}

// startDev starts the whole platform in one process and waits for its box.
func startDev(t testing.TB, args ...string) (*program, box) {
	t.Helper()
	p := start(t, "orchestrix", []string{"DATABASE_URL="}, append(append([]string{"dev", "--json"}, anyPort...), args...)...)
	var b box
	eventually(t, "the box", func() error {
		scanner := bufio.NewScanner(strings.NewReader(p.log.String()))
		for scanner.Scan() {
			if bytes.HasPrefix(scanner.Bytes(), []byte(`{"command_url"`)) {
				return json.Unmarshal(scanner.Bytes(), &b)
			}
		}
		select {
		case <-p.exited:
			t.Fatalf("dev ended:\n%s", p.log)
		default:
		}
		return fmt.Errorf("not printed yet")
	})
	return p, b
}

func TestDevKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(localtest.Dir(t), "data")
	first, b := startDev(t, "--data-dir", dir)
	mustPost(t, b, "order/1/place")
	first.stop()

	_, b = startDev(t, "--data-dir", dir)
	if b.DataDir != dir || (b.NATSURL == "") != logInPostgres() || b.DatabaseURL == "" {
		t.Errorf("the box is %+v", b)
	}
	for _, path := range []string{"/v1/views/order-summary/1", "/v1/streams/order/1", "/docs", "/openapi.json"} {
		awaitStatus(t, b.QueryURL+path, http.StatusOK)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		awaitStatus(t, b.HealthURL+path, http.StatusOK)
	}
	checkTools(t, b, dir)
	checkInUse(t, b, dir)
}

// The tool needs no address beside dev: only its data directory, where that is not the default one.
func checkTools(t *testing.T, b box, dir string) {
	t.Helper()
	events := tool(t, "events", "--data-dir", dir, "--category", "order", "--id", "1", "-o", "json")
	if !strings.Contains(events, `"type":"ordering.OrderPlaced"`) {
		t.Errorf("events printed %s", events)
	}
	if named := tool(t, "events", "--nats-url", b.NATSURL, "--database-url", b.DatabaseURL, "--category", "order", "--id", "1", "-o", "json"); named != events {
		t.Errorf("with addresses events printed %s, without %s", named, events)
	}
	if verified := tool(t, "verify", "--data-dir", dir); !strings.Contains(verified, "; 0 findings") {
		t.Errorf("verify printed %s", verified)
	}
	eventually(t, "projections", func() error {
		list := tool(t, "projections", "--data-dir", dir)
		for _, view := range []string{"order-summary", "sales-by-country", "sales-by-customer", "product-sales"} {
			if !strings.Contains(list, view) {
				return fmt.Errorf("%s is missing in\n%s", view, list)
			}
		}
		return nil
	})
}

// A second instance prints in one line why it cannot start.
func checkInUse(t *testing.T, b box, dir string) {
	t.Helper()
	for what, args := range map[string][]string{
		"--data-dir":     append([]string{"--data-dir", dir}, anyPort...),
		"--command-addr": {"--ephemeral", "--nats-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--command-addr", strings.TrimPrefix(b.CommandURL, "http://")},
		"--nats-addr":    {"--ephemeral", "--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--nats-addr", strings.TrimPrefix(b.NATSURL, "nats://")},
	} {
		if what == "--nats-addr" && logInPostgres() {
			continue
		}
		command := exec.Command(filepath.Join(bin, "orchestrix"), append([]string{"dev"}, args...)...)
		command.Env = append(command.Environ(), "DATABASE_URL=")
		out, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(out), what) || strings.Count(strings.TrimSpace(string(out)), "\n") > 0 {
			t.Errorf("with a %s in use, dev said (%v):\n%s", what, err, out)
		}
	}
}

// The box of the sample domain shows a command that succeeds, and a view with its effect. The tool finds a dev without data too.
func TestDevInMemory(t *testing.T) {
	t.Parallel()
	home := "XDG_DATA_HOME=" + localtest.Dir(t)
	p := start(t, "orchestrix", []string{home}, append([]string{"dev", "--memory"}, anyPort...)...)
	var shown []string
	eventually(t, "the box", func() error {
		if shown = regexp.MustCompile(`-X POST (\S+) .* -d '(.*)'\n  curl (\S+)\n`).FindStringSubmatch(p.log.String()); shown == nil {
			return fmt.Errorf("not printed yet:\n%s", p.log)
		}
		return nil
	})
	if a, err := request(t.Context(), http.MethodPost, shown[1], shown[2]); err != nil || a.Status != http.StatusOK {
		t.Errorf("the command of the box: %v, %v", a, err)
	}
	awaitStatus(t, shown[3], http.StatusOK)
	list := exec.CommandContext(t.Context(), filepath.Join(bin, "orchestrix"), "projections")
	list.Env = append(list.Environ(), home)
	if out, err := list.CombinedOutput(); err != nil || !strings.Contains(string(out), "order-summary") {
		t.Errorf("projections: %v\n%s", err, out)
	}
	p.stop()
}

func TestDevLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	p, b := startDev(t, "--ephemeral")
	mustPost(t, b, "order/1/place")
	p.stop()
	if left, err := filepath.Glob(b.DataDir + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func mustPost(t testing.TB, b box, path string) {
	t.Helper()
	a, err := request(t.Context(), http.MethodPost, b.CommandURL+"/v1/commands/"+path, smallOrder)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("POST %s: %v, %v", path, a, err)
	}
}

func tool(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tryTool(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tryTool runs the command-line tool. Its error shows what it printed.
func tryTool(t testing.TB, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "orchestrix"), args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("orchestrix %v: %w\n%s", args, err, out)
	}
	return string(out), err
}
