package tool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASenderIsRemoved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir, "--sender", "crm")
	before := readAll(t, dir)
	crm := publicKey(t, before["crm/nats.nk"])
	out, err := run(t, "keys", "renew", dir, "--sender", "billing")
	if err != nil || !strings.Contains(out, "twice") {
		t.Errorf("for a new sender: %s, %v", out, err)
	}
	out, err = run(t, "keys", "renew", dir, "--sender", "billing", "--remove-sender", "crm")
	if err != nil || strings.Contains(out, "twice") {
		t.Errorf("for one that exists: %s, %v", out, err)
	}
	after := readAll(t, dir)
	if known := knownKeys(t, dir); known[crm] || !known[publicKey(t, after["billing/nats.nk"])] || after["crm/nats.nk"] != "" {
		t.Error("crm is not removed, or billing is")
	}
	if strings.Contains(after[settingsFile], "crm") || after["command/nats.nk"] != before["command/nats.nk"] {
		t.Errorf("the settings are %s", after[settingsFile])
	}
	for _, args := range [][]string{{"--remove-sender", "command"}, {"--remove-sender", "crm"}, {"--remove-sender", "billing", "--sender", "nats"}} {
		if _, err := run(t, append([]string{"keys", "renew", dir}, args...)...); err == nil || len(changed(after, readAll(t, dir))) != 0 {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// A first step that was interrupted has kept the seed and made no new one: the last step must not revoke it.
func TestAnInterruptedRotationRevokesNoKeyInUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir, "--credentials")
	seed := readAll(t, dir)["query/nats.nk"]
	if err := os.WriteFile(filepath.Join(dir, "query", "nats.old.nk"), []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	keys(t, "rotate", "--finish", "query", dir)
	if files := readAll(t, dir); strings.Contains(files[settingsFile], publicKey(t, seed)) || files["query/nats.old.nk"] != "" {
		t.Errorf("the settings are %s", files[settingsFile])
	}
}

// Where a domain has no aggregates, or no processes, the services that append log in all the same.
func TestAWriterWithoutStreamsMayDoNothing(t *testing.T) {
	t.Parallel()
	for _, credentials := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "keys")
		keys(t, "init", dir, fmt.Sprint("--credentials=", credentials))
		suffix := ".nk"
		if credentials {
			suffix = ".creds"
		}
		url := serve(t, filepath.Join(dir, "nats", "auth.conf"))
		for _, user := range []string{"command", "process"} {
			refusesAll(t, url, user, filepath.Join(dir, user, "writer"+suffix))
		}
	}
}
