package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"orchestrix/shared/local/localtest"
)

// later sends a command with Prefer: respond-async and returns where its outcome is.
func later(t testing.TB, commandURL, path, id, body string) (location string) {
	t.Helper()
	a, err := request(t.Context(), http.MethodPost, commandURL+"/v1/commands/"+path, body, "Prefer", "respond-async", "Idempotency-Key", id)
	if err != nil || a.Status != http.StatusAccepted || a.Header.Get("Preference-Applied") != "respond-async" || a.field("command_id") != id {
		t.Fatalf("POST %s: %v, %v", path, a, err)
	}
	return a.Header.Get("Location")
}

// outcomeAt waits until a command is decided.
func outcomeAt(t testing.TB, commandURL, location string) (outcome answer) {
	t.Helper()
	eventually(t, "the outcome at "+location, func() error {
		a, err := request(t.Context(), http.MethodGet, commandURL+location, "")
		outcome = a
		if err == nil && a.Status == http.StatusOK && a.field("status") == "pending" && a.Header.Get("Retry-After") == "" {
			t.Fatalf("a pending command does not say when to ask again: %v", a.Header)
		}
		if err != nil || a.Status != http.StatusOK || a.field("status") == "pending" {
			return fmt.Errorf("%v, %w", a, err)
		}
		return nil
	})
	return outcome
}

const openAccount = `{"owner":"Ann","currency":"EUR"}`

func TestDevTakesCommandsForLater(t *testing.T) {
	t.Parallel()
	p, b := startDev(t, "--memory")
	if o := outcomeAt(t, b.CommandURL, later(t, b.CommandURL, "order/1/place", "c/1", smallOrder)); o.field("status") != "accepted" {
		t.Errorf("the outcome is %v", o)
	}
	p.stop()
}

// Without a bus nothing can be promised for later: the command is executed at once.
func TestWithoutABusCommandsAreExecutedAtOnce(t *testing.T) {
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
