package porttest

import (
	"context"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Restore tests an implementation of [port.Restorable]. open returns an empty log for one test, and then that log as another program
// opens it.
func Restore(t *testing.T, open func(t testing.TB) (log, other port.Restorable)) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, log, other port.Restorable){
		"only the restore appends":          restoreAlone,
		"a log in use is not restored into": restoreRefused,
		"an interrupted restore continues":  restoreContinues,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, other := open(t)
			test(t, log, other)
		})
	}
}

func beginRestore(t testing.TB, log port.Restorable, backup string, again bool) port.Log {
	t.Helper()
	restore, err := log.BeginRestore(t.Context(), backup, again)
	if err != nil {
		t.Fatalf("begin the restore of %s: %v", backup, err)
	}
	return restore
}

// wantRestoring checks whether all partitions say that a restore is under way.
func wantRestoring(t testing.TB, log port.Feed, want bool) {
	t.Helper()
	for partition := range log.Partitions() {
		if head, err := log.Head(t.Context(), partition); err != nil || head.Restoring != want {
			t.Errorf("partition %d is being restored: %v, want %v (%v)", partition, head.Restoring, want, err)
		}
	}
}

// briefly is how long a refused append may be tried again.
const briefly = 300 * time.Millisecond

func restoreAlone(t *testing.T, log, other port.Restorable) {
	wantRestoring(t, other, false)
	restore := beginRestore(t, log, "a", false)
	wantRestoring(t, other, true)
	first := appendOK(t, restore, core.Revision{}, commit(stream("a"), "c1", 2))
	for _, s := range []string{"a", "b", "c", "d"} { // of several partitions, with and without commits
		ctx, cancel := context.WithTimeout(t.Context(), briefly)
		_, err := other.Append(ctx, core.Revision{}, commit(stream(s), "foreign", 1))
		cancel()
		wantErr(t, "an append while the log is restored", err, port.ErrUnavailable)
	}
	second := appendOK(t, restore, first, commit(stream("a"), "c2", 1))
	if err := log.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRestoring(t, other, false)
	appendOK(t, other, second, commit(stream("a"), "c3", 1))
	appendOK(t, other, core.Revision{}, commit(stream("b"), "c4", 1))
	if got := read(t, log, stream("a"), 0); len(got) != 3 || got[2].Version != 4 {
		t.Errorf("the stream is %v", got)
	}
}

func restoreRefused(t *testing.T, log, other port.Restorable) {
	revision := appendOK(t, other, core.Revision{}, commit(stream("a"), "c1", 1))
	for _, again := range []bool{false, true} {
		_, err := log.BeginRestore(t.Context(), "a", again)
		wantErr(t, "a restore into a log in use", err, port.ErrNotEmpty)
	}
	wantRestoring(t, other, false)
	appendOK(t, other, revision, commit(stream("a"), "c2", 1))
}

func restoreContinues(t *testing.T, log, other port.Restorable) {
	restore := beginRestore(t, log, "a", false)
	appendOK(t, restore, core.Revision{}, commit(stream("a"), "c1", 1))
	_, err := other.BeginRestore(t.Context(), "a", false)
	wantErr(t, "a second restore", err, port.ErrRestoring)
	_, err = other.BeginRestore(t.Context(), "b", true)
	wantErr(t, "a restore of another backup", err, port.ErrRestoring)
	restore = beginRestore(t, other, "a", true)
	first := appendOK(t, restore, core.Revision{}, commit(stream("a"), "c1", 1))
	appendOK(t, restore, first, commit(stream("a"), "c2", 1))
	if err := other.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, log, stream("a"), 0); len(got) != 2 {
		t.Errorf("the stream is %v", got)
	}
	_, err = other.BeginRestore(t.Context(), "a", true)
	wantErr(t, "a restore that has ended", err, port.ErrNotEmpty)
}
