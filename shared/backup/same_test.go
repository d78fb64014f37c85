package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/backup"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// createdAt is a log with a fixed creation time: a stream of NATS that is restored from a snapshot keeps its own.
type createdAt struct {
	port.Log
	created time.Time
}

func (l createdAt) Head(ctx context.Context, partition int) (port.Head, error) {
	head, err := l.Log.Head(ctx, partition)
	head.Created = l.created
	return head, err
}

// A log that has lost its newest commits and got others is another log: a backup never mixes the two.
func TestAResetLogIsAnotherLog(t *testing.T) {
	t.Parallel()
	dir, created := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	log, other := memory.NewLog(1), memory.NewLog(1)
	appendThings(t, log, 2, 0, 6)
	appendThings(t, other, 1, 0, 20)
	write(t, createdAt{log, created}, dir)
	if _, err := backup.Write(t.Context(), createdAt{other, created}, dir, backup.WriteOptions{}); !errors.Is(err, backup.ErrOtherLog) {
		t.Errorf("the backup of a reset log: %v", err)
	}
	appendThings(t, log, 2, 6, 8)
	if r := write(t, createdAt{log, created}, dir); r.Commits != 4 {
		t.Errorf("the backup of the log: %+v", r)
	}
}

// Write does not extend a backup that it can't read.
func TestADamagedBackupIsNotContinued(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), memory.NewLog(1)
	appendThings(t, log, 2, 0, 6)
	r := write(t, log, dir)
	if err := os.Remove(filepath.Join(dir, r.Manifest.Partitions[0].Segments[0].File)); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a backup without its last segment: %v", err)
	}
}
