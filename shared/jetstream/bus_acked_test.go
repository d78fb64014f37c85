package jetstream

import (
	"testing"
	"time"
)

func TestAckedMessagesKeepTheNewest(t *testing.T) {
	t.Parallel()
	var a ackedMessages
	at := func(sequence uint64) time.Time { return time.Unix(int64(sequence), 0) }
	if a.contains(1, at(1)) {
		t.Error("1 is contained in an empty set")
	}
	for n := range uint64(maxAcked + 10) {
		a.record(n+1, at(n+1))
		a.record(n+1, at(n+1)) // repeated, it counts once
	}
	for _, c := range []struct {
		sequence uint64
		want     bool
	}{{1, false}, {10, false}, {11, true}, {maxAcked + 10, true}, {maxAcked + 11, false}} {
		if got := a.contains(c.sequence, at(c.sequence)); got != c.want {
			t.Errorf("%d is contained: %v, want %v", c.sequence, got, c.want)
		}
	}
	if a.contains(11, at(12)) {
		t.Error("a message of another queue is taken for an acknowledged one")
	}
	a.record(11, at(99)) // of a recreated queue
	if !a.contains(11, at(99)) || a.contains(11, at(11)) {
		t.Error("the newest message with a sequence is not the one that is kept")
	}
	if len(a.order) != maxAcked || len(a.published) != maxAcked {
		t.Errorf("%d and %d are kept, want %d", len(a.order), len(a.published), maxAcked)
	}
}
