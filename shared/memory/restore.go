package memory

import (
	"context"
	"sync"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// restoring names the backup that is being restored into a log; empty for none.
type restoring struct {
	mu     sync.RWMutex // held by appends, so that none is under way when a restore begins
	backup string
}

// BeginRestore implements [port.Restorable].
func (l *Log) BeginRestore(_ context.Context, backup string, again bool) (port.Log, error) {
	l.restoring.mu.Lock()
	defer l.restoring.mu.Unlock()
	empty := true
	for _, p := range l.partitions {
		p.mu.Lock()
		empty = empty && len(p.commits) == 0
		p.mu.Unlock()
	}
	if err := port.CheckRestore(l.restoring.backup, backup, again, empty); err != nil {
		return nil, err
	}
	l.restoring.backup = backup
	restore := *l
	restore.restores = true
	return &restore, nil
}

// EndRestore implements [port.Restorable].
func (l *Log) EndRestore(context.Context) error {
	l.restoring.mu.Lock()
	defer l.restoring.mu.Unlock()
	l.restoring.backup = ""
	return nil
}
