package e2e

import (
	"path/filepath"
	"testing"

	"orchestrix/shared/local/localtest"
)

// A backup that was made while the system runs becomes a log with another number of partitions, from which fresh views
// show the same.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	path := generated(t, 200, 5)
	want := expect(t, path)
	p := startPlatform(t)
	sendAll(t, p, path, "failed 0")
	awaitTotals(t, p, want)
	dir := filepath.Join(t.TempDir(), "backup")
	tool(t, append([]string{"verify", "--sample", "0"}, p.where()...)...)
	tool(t, append([]string{"backup", dir}, p.where()...)...)

	grown := newPlatform(t, localtest.Postgres(t))
	grown.env = []string{"ORCHESTRIX_PARTITIONS=7"}
	grown.startNATS()
	eventually(t, "the restore", func() error {
		_, err := tryTool(t, append([]string{"restore", dir, "--partitions", "7"}, grown.where()...)...) // NATS is just starting
		return err
	})
	grown.startServices()
	grown.awaitReady()
	awaitTotals(t, grown, want)
	tool(t, append([]string{"verify", "--sample", "0"}, grown.where()...)...)
	sendAll(t, grown, path, "accepted 0, repeated")
	awaitTotals(t, grown, want)
}

// where are the flags that tell the tool where the log and the views are.
func (p *platform) where() []string {
	return []string{"--nats-url", p.natsURL, "--database-url", p.databaseURL}
}
