package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// source is a platform of an older program, whose services are processes of their own.
type source struct {
	*platform
	binary  string // its name
	running map[string]*program
}

// buildSource builds the program of a commit into bin.
func buildSource(t *testing.T, commit string) (name string) {
	t.Helper()
	name = "from-" + commit
	checkout := t.TempDir()
	build := exec.CommandContext(t.Context(), "sh", "-ec", `git -C ../.. archive "$1" | tar -x -C "$2"; cd "$2"; go build -o "$3" ./cmd/orchestrix`,
		"sh", commit, checkout, filepath.Join(bin, name))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", commit, err, out)
	}
	return name
}

// startSource starts the services of an older program, on a NATS and a database of their own.
func startSource(t *testing.T, binary string) *source {
	t.Helper()
	s := &source{platform: newPlatform(t, localtest.Postgres(t)), binary: binary, running: map[string]*program{}}
	s.startNATS()
	for _, service := range []string{"command", "projection", "query", "process"} {
		s.startService(service)
	}
	return s
}

func (s *source) startService(service string) {
	s.t.Helper()
	admin := localtest.FreeAddr(s.t)
	env := []string{"NATS_URL=" + s.natsURL, "DATABASE_URL=" + s.databaseURL, "ORCHESTRIX_ADMIN_ADDR=" + admin}
	switch service {
	case "command":
		env = append(env, "ORCHESTRIX_ADDR="+strings.TrimPrefix(s.commandURL, "http://"))
	case "query":
		env = append(env, "ORCHESTRIX_ADDR="+strings.TrimPrefix(s.queryURL, "http://"))
	}
	s.running[service] = start(s.t, s.binary, env, service)
	if service != "query" { // it waits for the views, which the projection service builds meanwhile
		awaitStatus(s.t, "http://"+admin+"/readyz", http.StatusOK)
	}
}

func (s *source) tool(args ...string) (string, error) {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), filepath.Join(bin, s.binary), args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %v: %w\n%s", s.binary, args, err, out)
	}
	return string(out), err
}

// upgradeViews are the views whose documents an upgrade keeps.
var upgradeViews = []string{
	"account-balance", "transfers", "bank-total", "order-summary", "sales-by-country", "sales-by-customer", "product-sales", "stock-level", "processes",
}

// carried is what a restored backup has to hold.
type carried struct {
	Views   map[string]map[string]json.RawMessage `json:"views"` // documents by view and key
	Kinds   map[string]int                        `json:"kinds"` // number of events by type, without those of processes
	Commits int                                   `json:"commits"`
	Open    []string                              `json:"open"` // keys of the process instances that wait
}

// documents reads all documents of a view.
func (p *platform) documents(view string) map[string]json.RawMessage {
	p.t.Helper()
	found := map[string]json.RawMessage{}
	for _, item := range p.list(view, "") {
		text, err := json.Marshal(item["data"])
		if err != nil {
			p.t.Fatal(err)
		}
		found[item["key"].(string)] = text
	}
	return found
}

// The bank and the shop of a source.
const (
	upgradeAccounts  = 8
	upgradeProducts  = 4
	upgradeTransfers = 24
	upgradeOrders    = 24
)

// fill sends commands of both samples, half of them over the bus, and waits until their processes have ended. Then it leaves
// processes behind that wait for commands which no service has executed.
func (s *source) fill(random *rand.Rand) carried {
	s.t.Helper()
	seed := s.file("begin", upgradeBeginning(random))
	for _, file := range []string{seed, s.file("continue", upgradeTraffic(random))} {
		args := []string{"send", "--command-url", s.commandURL, file}
		if file != seed {
			args = append(args, "--async")
		}
		if out, err := s.tool(args...); !strings.Contains(out, "failed 0") {
			s.t.Fatalf("%v\n%s", err, out)
		}
	}
	eventually(s.t, "the end of the processes", func() error { return s.ended(2 * upgradeTransfers / 2) })
	s.running["process"].stop()
	var open []string
	for n := range 3 {
		s.post(fmt.Sprintf("transfer/open-%d/request", n), upgradeTransfer(random, n))
		s.post(fmt.Sprintf("order/open-%d/place", n), managed(order(random, n)))
		open = append(open, fmt.Sprintf("transfer:open-%d", n), fmt.Sprintf("fulfilment:open-%d", n))
	}
	s.running["command"].stop()
	s.startService("process")
	eventually(s.t, "the waiting processes", func() error {
		if n := len(s.list("processes", "&status=running")); n != len(open) {
			return fmt.Errorf("%d of %d wait", n, len(open))
		}
		return nil
	})
	s.running["process"].stop()
	return s.expectation(open)
}

// ended returns an error unless this number of instances, and no other, has ended.
func (s *source) ended(want int) error {
	all := s.list("processes", "")
	for _, item := range all {
		if status := item["data"].(map[string]any)["status"]; status != "completed" && status != "failed" {
			return fmt.Errorf("%v is %v", item["key"], status)
		}
	}
	if len(all) < want {
		return fmt.Errorf("%d of %d have begun", len(all), want)
	}
	return nil
}

// expectation reads what the platform holds, when its views have caught up.
func (s *source) expectation(open []string) carried {
	s.t.Helper()
	c := carried{Views: map[string]map[string]json.RawMessage{}, Kinds: map[string]int{}, Open: open}
	eventually(s.t, "the views", func() error {
		out, err := s.tool(append([]string{"verify", "--sample", "0"}, s.where()...)...)
		if err == nil && strings.Contains(out, "changed while") {
			err = errors.New(out)
		}
		if err == nil {
			_, err = fmt.Sscanf(out, "%d commits", &c.Commits)
		}
		return err
	})
	for _, view := range upgradeViews {
		c.Views[view] = s.documents(view)
	}
	out, err := s.tool("events", "-o", "json", "--nats-url", s.natsURL)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Kinds = kindsOf(s.t, out)
	return c
}

// kindsOf counts the events that the tool prints, by type, without those of processes.
func kindsOf(t testing.TB, events string) map[string]int {
	t.Helper()
	kinds := map[string]int{}
	for line := range strings.Lines(events) {
		var e struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if !strings.HasPrefix(e.Type, "process.") {
			kinds[e.Type]++
		}
	}
	return kinds
}

func (s *source) file(name string, lines []string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name+".ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func upgradeLine(category, id, command, data string) string {
	return fmt.Sprintf(`{"category":%q,"id":%q,"command":%q,"command_id":"%s-%s-%s","data":%s}`, category, id, command, command, category, id, data)
}

// upgradeBeginning opens the accounts and fills the stock.
func upgradeBeginning(random *rand.Rand) (lines []string) {
	for n := range upgradeAccounts {
		id := fmt.Sprint("a-", n)
		lines = append(lines, upgradeLine("account", id, "open", openAccount), upgradeLine("account", id, "deposit", depositOf(100+random.IntN(900))))
	}
	for n := range upgradeProducts {
		lines = append(lines, upgradeLine("stock", fmt.Sprint("p", n), "receive", fmt.Sprintf(`{"quantity":%d}`, 100+random.IntN(400))))
	}
	return lines
}

// upgradeTraffic transfers and withdraws more than some accounts hold, and places orders, every second one of which a process
// fulfils, as far as the stock lasts.
func upgradeTraffic(random *rand.Rand) (lines []string) {
	for n := range upgradeTransfers {
		lines = append(lines, upgradeLine("transfer", fmt.Sprint("t-", n), "request", upgradeTransfer(random, n)))
	}
	for n := range upgradeAccounts {
		lines = append(lines, upgradeLine("account", fmt.Sprint("a-", n), "withdraw", depositOf(1+random.IntN(500))))
	}
	for n := range upgradeOrders {
		id, placed := fmt.Sprint("o-", n), order(random, n)
		if n%2 == 0 {
			placed = managed(placed)
		}
		lines = append(lines, upgradeLine("order", id, "place", placed))
		if n%2 == 1 && random.IntN(3) > 0 {
			lines = append(lines, upgradeLine("order", id, "ship", `{"shipped_at":"2026-02-03","carrier":"Slow & Sure"}`))
		} else if n%2 == 1 {
			lines = append(lines, upgradeLine("order", id, "cancel", `{"reason":"changed"}`))
		}
	}
	return lines
}

func upgradeTransfer(random *rand.Rand, n int) string {
	return fmt.Sprintf(`{"from":"a-%d","to":"a-%d","amount":"%d.%02d","currency":"EUR"}`,
		n%upgradeAccounts, (n+1+random.IntN(upgradeAccounts-1))%upgradeAccounts, 1+random.IntN(400), random.IntN(100))
}

func managed(order string) string {
	return strings.Replace(order, `"freight"`, `"fulfilment":"managed","freight"`, 1)
}
