package tool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// knownKeys are the public keys that the list of rights names.
func knownKeys(t *testing.T, dir string) map[string]bool {
	t.Helper()
	options, err := server.ProcessConfigFile(filepath.Join(dir, "nats", "auth.conf"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, user := range options.Nkeys {
		known[user.Nkey] = true
	}
	return known
}

func publicKey(t *testing.T, seed string) string {
	t.Helper()
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestKeysOfAUserAreRotated(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	before := readAll(t, dir)
	out, err := run(t, "keys", "rotate", "command", dir)
	if err != nil {
		t.Fatal(err)
	}
	during := readAll(t, dir)
	for _, secret := range []string{during["command/nats.nk"], before["command/nats.nk"], passwordOf(t, during["command/pgpass"])} {
		if strings.Contains(out, strings.TrimSpace(secret)) {
			t.Errorf("a secret is printed: %s", out)
		}
	}
	if !strings.Contains(out, "1. Make NATS load") || !strings.Contains(out, "rotate --finish command") {
		t.Errorf("the steps are %s", out)
	}
	old, fresh := publicKey(t, before["command/nats.nk"]), publicKey(t, during["command/nats.nk"])
	if known := knownKeys(t, dir); old == fresh || !known[old] || !known[fresh] {
		t.Errorf("NATS knows the old key: %v, the new key: %v", known[old], known[fresh])
	}
	lines := passwordLines([]byte(during["command/pgpass"]))
	if len(lines) != 2 || lines[1]+"\n" != before["command/pgpass"] || lines[0] == lines[1] {
		t.Errorf("the password file is %q", during["command/pgpass"])
	}
	for name := range changed(before, during) {
		switch name {
		case "command/nats.nk", "command/nats.old.nk", "command/writer.nk", "command/writer.old.nk", "command/pgpass", "nats/auth.conf", lastKeyFile:
		default:
			t.Errorf("%s has changed", name)
		}
	}

	keys(t, "rotate", "command", dir) // again: what an interrupted run left out
	keys(t, "renew", dir)
	again := readAll(t, dir)
	for _, name := range []string{"command/nats.nk", "command/nats.old.nk", "command/pgpass", "nats/auth.conf"} {
		if again[name] != during[name] {
			t.Errorf("a second run has changed %s", name)
		}
	}

	keys(t, "rotate", "--finish", "command", dir)
	after := readAll(t, dir)
	if known := knownKeys(t, dir); known[old] || !known[fresh] {
		t.Errorf("NATS knows the old key: %v, the new key: %v", known[old], known[fresh])
	}
	if after["command/pgpass"] != lines[0]+"\n" || after["command/nats.old.nk"] != "" {
		t.Errorf("old ones are left: %q, %q", after["command/pgpass"], after["command/nats.old.nk"])
	}
}

func passwordOf(t *testing.T, file string) string {
	t.Helper()
	fields := strings.Split(passwordLines([]byte(file))[0], ":")
	if len(fields) != 5 {
		t.Fatalf("the password file is %q", file)
	}
	return fields[4]
}

// Where a rotation was interrupted, the next run completes it, and the key that programs use remains valid.
func TestAnInterruptedRotationIsCompleted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	seed := readAll(t, dir)["query/nats.nk"]
	if err := os.WriteFile(filepath.Join(dir, "query", "nats.old.nk"), []byte(seed), 0o600); err != nil { // the first file of a run
		t.Fatal(err)
	}
	keys(t, "rotate", "query", dir)
	files, known := readAll(t, dir), knownKeys(t, dir)
	if !known[publicKey(t, seed)] || !known[publicKey(t, files["query/nats.nk"])] || files["query/nats.nk"] == seed {
		t.Error("the rotation is not completed")
	}
}

func TestRotationsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := run(t, "keys", "rotate", "command", dir); err == nil || !strings.Contains(err.Error(), "keys init") {
		t.Errorf("without keys: %v", err)
	}
	keys(t, "init", dir)
	before := readAll(t, dir)
	for _, user := range []string{"stranger", "../command", "nats", ""} {
		if _, err := run(t, "keys", "rotate", user, dir); err == nil || !strings.Contains(err.Error(), "there is no user") {
			t.Errorf("the user %q: %v", user, err)
		}
	}
	if len(changed(before, readAll(t, dir))) != 0 {
		t.Error("a rotation that was refused has changed something")
	}
}
