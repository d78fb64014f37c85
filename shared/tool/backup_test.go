package tool

import (
	"io"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// A schedule may start a backup before the last one has ended.
func TestOneBackupAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := local.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	run := func() error {
		command := newBackup(&devFinder{program: "orchestrix"})
		command.SetOut(io.Discard)
		command.SetArgs([]string{dir, "--log", "postgres", "--database-url", "postgres://127.0.0.1:1/none"})
		return command.ExecuteContext(t.Context())
	}
	const says = "another backup is writing into"
	if err := run(); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("while another backup runs: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := run(); err == nil || strings.Contains(err.Error(), says) {
		t.Errorf("after it: %v", err)
	}
}
