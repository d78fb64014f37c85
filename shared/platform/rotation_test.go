package platform

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// A key of snapshots that is removed from the file verifies nothing in a service that runs already.
func TestKeysOfSnapshotsAreReadAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "snapshot.keys")
	write := func(id string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(id+":"+strings.Repeat("1f", 32)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("command-stolen")
	backends, err := Open(t.Context(), service.Env{
		Name: "command", Logger: slog.New(slog.DiscardHandler), Admin: service.NewAdmin(&slog.LevelVar{}, observe.NewMetrics("command"), false),
		Connections: service.Connections{DatabaseURL: localtest.Postgres(t)},
		Common:      service.Common{Log: service.LogInPostgres, Partitions: 1, DatabaseConns: 2, SnapshotKeyFile: file},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backends.Close)
	forged := port.Snapshot{
		Stream: core.Stream{Tenant: "t", Category: "order", ID: "1"}, Version: 7, Schema: "s", State: json.RawMessage(`{"n":7}`), Time: time.Now().UTC(),
	}
	if err := backends.Snapshots.Save(t.Context(), []port.Snapshot{forged}); err != nil {
		t.Fatal(err)
	}
	if _, err := backends.Snapshots.Load(t.Context(), forged.Stream, forged.Schema); err != nil {
		t.Fatal(err)
	}
	write("command-next")
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, err := backends.Snapshots.Load(t.Context(), forged.Stream, forged.Schema)
		if errors.Is(err, core.ErrNotFound) {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("the key is still accepted: %v", err)
		}
	}
}
