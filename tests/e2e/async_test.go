package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// later sends a command with Prefer: respond-async and returns the path of its status.
func later(t testing.TB, commandURL, path, id, body string) (location string) {
	t.Helper()
	a, err := request(t.Context(), http.MethodPost, commandURL+"/v1/commands/"+path, body, "Prefer", "respond-async", "Idempotency-Key", id)
	if err != nil || a.Status != http.StatusAccepted || a.Header.Get("Preference-Applied") != "respond-async" || a.field("command_id") != id {
		t.Fatalf("POST %s: %v, %v", path, a, err)
	}
	return a.Header.Get("Location")
}

// statusAt waits until a command is processed and returns its status.
func statusAt(t testing.TB, commandURL, location string) (status answer) {
	t.Helper()
	eventually(t, "the result at "+location, func() error {
		a, err := request(t.Context(), http.MethodGet, commandURL+location, "")
		status = a
		if err == nil && a.Status == http.StatusOK && a.field("status") == "pending" && a.Header.Get("Retry-After") == "" {
			t.Fatalf("a pending command does not say when to ask again: %v", a.Header)
		}
		if err != nil || a.Status != http.StatusOK || a.field("status") == "pending" {
			return fmt.Errorf("%v, %w", a, err)
		}
		return nil
	})
	return status
}

const openAccount = `{"owner":"Ann","currency":"EUR"}`

func depositOf(amount int) string { return fmt.Sprintf(`{"amount":"%d"}`, amount) }

func TestDevAcceptsAsyncCommands(t *testing.T) {
	t.Parallel()
	p, b := startDev(t, "--memory")
	if status := statusAt(t, b.CommandURL, later(t, b.CommandURL, "order/1/place", "c/1", smallOrder)); status.field("status") != "accepted" {
		t.Errorf("the status is %v", status)
	}
	p.stop()
}

// The tool sends a file of asynchronous commands and reports the result of each line. Sending the file again changes nothing.
func TestAFileIsSentAsync(t *testing.T) {
	t.Parallel()
	skipWithoutBus(t)
	p, b := startDev(t, "--ephemeral")
	var lines strings.Builder
	for i := range 40 { // per account: open, deposits, withdrawal
		account := fmt.Sprint("later-", i)
		fmt.Fprintf(&lines, "{\"category\":\"account\",\"id\":%q,\"command\":\"open\",\"data\":%s}\n", account, openAccount)
		for range 10 {
			fmt.Fprintf(&lines, "{\"category\":\"account\",\"id\":%q,\"command\":\"deposit\",\"data\":{\"amount\":\"1\"}}\n", account)
		}
		fmt.Fprintf(&lines, "{\"category\":\"account\",\"id\":%q,\"command\":\"withdraw\",\"data\":{\"amount\":\"10\"}}\n", account)
	}
	lines.WriteString(`{"category":"account","id":"later-0","command":"withdraw","command_id":"too-much","data":{"amount":"1"}}` + "\n")
	lines.WriteString(`{"category":"account","id":"later-0","command":"withdraw","data":{"amount":"-1"}}` + "\n")
	file := filepath.Join(t.TempDir(), "later.ndjson")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"send", "--async", "--command-url", b.CommandURL, "--concurrency", "3", file}
	for _, want := range []string{"accepted 480, repeated 0, rejected 2, failed 0", "accepted 0, repeated 480, rejected 2, failed 0"} {
		out := tool(t, args...)
		for _, want := range []string{want, "line 481 rejected: account-later-0 withdraw: insufficient-funds: ", "line 482 rejected: account-later-0 withdraw: status 422: validation-failed: "} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
		}
	}
	p.stop()
}

// Every command service answers the status of a command that another one accepted.
func TestStatusOfAsyncCommands(t *testing.T) {
	t.Parallel()
	skipWithoutBus(t)
	p := startPlatform(t)
	open := later(t, p.commandURL, "account/a/open", "open/a", openAccount)
	if open != "/v1/commands/open%2Fa" {
		t.Errorf("the status is at %q", open)
	}
	accepted := statusAt(t, p.commandURL, open)
	if accepted.field("status") != "accepted" || accepted.field("version") != 1.0 || accepted.field("stream") != "account-a" || accepted.Header.Get("Orchestrix-Position") != accepted.field("position") {
		t.Errorf("accepted: %v", accepted)
	}
	p.get("/v1/views/account-balance/a", "Orchestrix-Position", accepted.Header.Get("Orchestrix-Position"))

	rejected := statusAt(t, p.commandURL, later(t, p.commandURL, "account/a/withdraw", "w", depositOf(5)))
	if rejected.field("status") != "rejected" || rejected.field("problem.code") != "insufficient-funds" || rejected.field("problem.status") != 422.0 {
		t.Errorf("rejected: %v", rejected)
	}
	for _, c := range []struct {
		path, id, body string
		status         int
	}{
		{"account/a/withdraw", "w", depositOf(6), http.StatusUnprocessableEntity},      // another body
		{"account/b/withdraw", "w", depositOf(5), http.StatusUnprocessableEntity},      // another account
		{"account/a/withdraw", "v", `{"amount":"-1"}`, http.StatusUnprocessableEntity}, // it does not validate
		{"account/a/steal", "s", depositOf(1), http.StatusNotFound},
	} {
		a, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/"+c.path, c.body, "Prefer", "respond-async", "Idempotency-Key", c.id)
		if err != nil || a.Status != c.status {
			t.Errorf("%s under id %s: %v, %v", c.path, c.id, a, err)
		}
	}
	for _, id := range []string{"v", "s", "never"} {
		if a, err := request(t.Context(), http.MethodGet, p.commandURL+"/v1/commands/"+id, ""); err != nil || a.Status != http.StatusNotFound || a.field("code") != "command-not-found" {
			t.Errorf("status of %s: %v, %v", id, a, err)
		}
	}
}

// When the store of results is full, synchronous commands are still processed, and known asynchronous commands keep their result.
func TestResultStoreIsFull(t *testing.T) {
	t.Parallel()
	skipWithoutBus(t)
	p := newPlatform(t, localtest.Postgres(t))
	p.env = []string{"ORCHESTRIX_OUTCOMES_BYTES=1"}
	p.startNATS()
	p.startServices()
	p.awaitReady()
	open := later(t, p.commandURL, "account/a/open", "open", openAccount)
	var refused answer
	eventually(t, "the store of results is full", func() error {
		a, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/account/b/open", openAccount, "Prefer", "respond-async")
		if refused = a; err != nil || a.Status != http.StatusServiceUnavailable {
			return fmt.Errorf("%v, %w", a, err)
		}
		return nil
	})
	if refused.field("code") != "outcomes-full" || refused.Header.Get("Retry-After") == "" || refused.Header.Get("Location") != "" {
		t.Errorf("refused with %v, %v", refused, refused.Header)
	}
	if status := statusAt(t, p.commandURL, open); status.field("status") != "accepted" {
		t.Errorf("the status of what was accepted: %v", status)
	}
	p.post("account/c/open", openAccount)
}

// A NATS client that knows the subject and the headers sends a command and gets the result at its inbox.
func TestCommandsOverNATS(t *testing.T) {
	t.Parallel()
	skipWithoutBus(t)
	p := startPlatform(t)
	conn, err := nats.Connect(p.natsURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	inbox, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	sender := "shop"
	ask := func(name, id, body string) answer {
		t.Helper()
		m := nats.NewMsg(fmt.Sprintf("orx.cmd.%d.%s.default.account.n-1.%s", core.PartitionOf("default", "n-1", 4), sender, name))
		m.Header["orx-command-id"] = []string{id}
		m.Header["orx-reply-to"] = []string{inbox.Subject}
		m.Data = []byte(body)
		if err := conn.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		reply, err := inbox.NextMsg(patience)
		if err != nil {
			t.Fatalf("%s is not answered: %v", name, err)
		}
		return answer{Body: reply.Data}
	}
	for range 2 { // the second one is a duplicate
		if status := ask("open", "n-open", openAccount); status.field("status") != "accepted" || status.field("version") != 1.0 || status.field("command_id") != "n-open" {
			t.Errorf("opened: %v", status)
		}
	}
	if status := ask("deposit", "n-deposit", `{"amount":"much"}`); status.field("status") != "rejected" || status.field("code") != "validation-failed" || status.field("problem.status") != 422.0 {
		t.Errorf("not validated: %v", status)
	}
	if status := ask("steal", "n-steal", `{}`); status.field("status") != "rejected" || status.field("code") != "unknown-name" {
		t.Errorf("an unknown command: %v", status)
	}
	for _, prefer := range []string{"", "respond-async"} {
		a, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/account/n-1/revoke", `{"transfer":"t-1"}`, "Prefer", prefer)
		if err != nil || a.Status != http.StatusForbidden || a.field("code") != "internal-command" {
			t.Errorf("a step of a process over HTTP: %v, %v", a, err)
		}
	}
	if status := ask("revoke", "n-steal-2", `{"transfer":"t-1"}`); status.field("status") != "rejected" || status.field("code") != "internal-command" {
		t.Errorf("a step of a process from another sender: %v", status)
	}
	sender = "process"
	if status := ask("revoke", "n-revoke", `{"transfer":"t-1"}`); status.field("status") != "accepted" || status.field("version") != 2.0 {
		t.Errorf("a step of a process: %v", status)
	}
	a, err := request(t.Context(), http.MethodGet, p.commandURL+"/v1/commands/n-open", "")
	if err != nil || a.Status != http.StatusNotFound || a.field("code") != "command-not-found" {
		t.Errorf("the result of another sender's command over HTTP: %v, %v", a, err)
	}
}

// The command services are killed right after they have accepted asynchronous commands. The commands are executed once and
// in order after the restart.
func TestAsyncCommandsOutliveTheirService(t *testing.T) {
	t.Parallel()
	skipWithoutBus(t)
	p := startPlatform(t)
	otherURL, otherHealth := "http://"+localtest.FreeAddr(t), "http://"+localtest.FreeAddr(t)
	other := p.startService("command", otherURL, otherHealth)
	awaitStatus(t, otherHealth+"/readyz", http.StatusOK)
	urls := []string{p.commandURL, otherURL}

	const count = 100
	location := later(t, p.commandURL, "account/a/open", "open", openAccount)
	for i := 1; i <= count; i++ {
		location = later(t, urls[i%2], "account/a/deposit", fmt.Sprint("d", i), depositOf(i))
		if i == count/2 || i == count {
			for _, service := range []*program{p.command, other} {
				service.kill()
				service.start()
			}
			for _, health := range []string{p.commandHealth, otherHealth} {
				awaitStatus(t, health+"/readyz", http.StatusOK)
			}
		}
	}
	if status := statusAt(t, otherURL, location); status.field("status") != "accepted" || status.field("version") != float64(count+1) {
		t.Errorf("the last status is %v", status)
	}
	var history struct {
		Items []struct {
			Data struct {
				Amount string `json:"amount"`
			} `json:"data"`
		} `json:"items"`
	}
	if err := json.Unmarshal(p.get("/v1/streams/account/a/events?limit=1000").Body, &history); err != nil {
		t.Fatal(err)
	}
	if len(history.Items) != count+1 {
		t.Fatalf("the account has %d events, not %d", len(history.Items), count+1)
	}
	for i, event := range history.Items[1:] {
		if amount, _, _ := strings.Cut(event.Data.Amount, "."); amount != fmt.Sprint(i+1) {
			t.Fatalf("event %d is a deposit of %s", i+1, event.Data.Amount)
		}
	}
}

// Without a bus, Prefer: respond-async is ignored: the command is executed before the response.
func TestWithoutABusCommandsAreSynchronous(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, localtest.Postgres(t))
	p.env = []string{"ORCHESTRIX_LOG=postgres"}
	p.startServices()
	p.awaitReady()
	a := p.post("account/a/open", openAccount, "Prefer", "respond-async", "Idempotency-Key", "open")
	if a.field("version") != 1.0 || a.Header.Get("Preference-Applied") != "" || a.Header.Get("Location") != "" {
		t.Errorf("answered %v, %v", a, a.Header)
	}
}

func skipWithoutBus(t testing.TB) {
	if logInPostgres() {
		t.Skip("with the log in Postgres there is no bus")
	}
}
