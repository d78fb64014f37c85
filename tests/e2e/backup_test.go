package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// A signed and encrypted backup of a running system is restored to a log with another number of partitions. Views that are
// built from that log hold the same documents.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	path := generated(t, 200, 5)
	want := expect(t, path)
	p := startPlatform(t)
	sendAll(t, p, path, "failed 0")
	awaitTotals(t, p, want)
	dir := filepath.Join(t.TempDir(), "backup")
	tool(t, append([]string{"verify", "--sample", "0"}, p.where()...)...)
	keys, identity := filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "identity")
	tool(t, "keys", "init", keys)
	pair, err := age.GenerateX25519Identity()
	if err == nil {
		err = os.WriteFile(identity, []byte(pair.String()), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	tool(t, append([]string{"backup", dir, "--sign-key", filepath.Join(keys, "backup", "sign.key"), "--recipient", pair.Recipient().String()}, p.where()...)...)

	grown := newPlatform(t, localtest.Postgres(t))
	grown.env = []string{"ORCHESTRIX_PARTITIONS=7"}
	grown.startNATS()
	eventually(t, "the restore", func() error {
		_, err := tryTool(t, append([]string{"restore", dir, "--partitions", "7", "--verify-key", filepath.Join(keys, "backup", "sign.pub"), "--identity", identity}, grown.where()...)...) // NATS is just starting
		return err
	})
	grown.startServices()
	grown.awaitReady()
	awaitTotals(t, grown, want)
	tool(t, append([]string{"verify", "--sample", "0"}, grown.where()...)...)
	sendAll(t, grown, path, "accepted 0, repeated")
	awaitTotals(t, grown, want)
}

// where returns the flags for the tool with the URLs of the log and of the views.
func (p *platform) where() []string {
	return []string{"--nats-url", p.natsURL, "--database-url", p.databaseURL}
}
