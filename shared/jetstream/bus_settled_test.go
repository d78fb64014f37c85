package jetstream

import (
	"testing"
	"time"
)

func TestSettledRemembersTheNewest(t *testing.T) {
	t.Parallel()
	var s settled
	at := func(sequence uint64) time.Time { return time.Unix(int64(sequence), 0) }
	if s.has(1, at(1)) {
		t.Error("1 is settled before anything is")
	}
	for n := range uint64(maxSettled + 10) {
		s.add(n+1, at(n+1))
		s.add(n+1, at(n+1)) // once more is no more
	}
	for _, c := range []struct {
		sequence uint64
		want     bool
	}{{1, false}, {10, false}, {11, true}, {maxSettled + 10, true}, {maxSettled + 11, false}} {
		if got := s.has(c.sequence, at(c.sequence)); got != c.want {
			t.Errorf("%d is settled: %v, want %v", c.sequence, got, c.want)
		}
	}
	if s.has(11, at(12)) {
		t.Error("a message of another queue is taken for one that is done")
	}
	s.add(11, at(99)) // of the queue that was made anew
	if !s.has(11, at(99)) || s.has(11, at(11)) {
		t.Error("the newest with a sequence does not count")
	}
	if len(s.order) != maxSettled || len(s.published) != maxSettled {
		t.Errorf("%d and %d are remembered, want %d", len(s.order), len(s.published), maxSettled)
	}
}
