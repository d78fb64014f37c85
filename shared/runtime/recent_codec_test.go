package runtime

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orchestrix/shared/es"
)

func manyRecent() (r recentCommands) {
	for n := range MaxRecent {
		c := recentCommand{
			ID: recentID(n), Hash: fmt.Sprintf("%032x", n), Version: es.Version(2*n + 2),
			Position: es.Position{Partition: 3, Sequence: uint64(1000 + n)}, Events: []string{"A", "B"},
		}
		if n%3 == 0 {
			c.Hash, c.Events = "", []string{"C"}
		}
		r = append(r, c)
	}
	return r
}

func TestRecentCommandsComeBackFromASnapshot(t *testing.T) {
	t.Parallel()
	for _, want := range []recentCommands{nil, manyRecent()[:1], manyRecent()} {
		data, err := es.Marshal(savedState{State: json.RawMessage("{}"), Recent: want})
		if err != nil {
			t.Fatal(err)
		}
		var got savedState
		if err := es.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Recent); d != "" {
			t.Errorf("(- saved, + restored)\n%s", d)
		}
	}
}

func TestRecentCommandsThatNobodyCanRepeatAreNotSaved(t *testing.T) {
	t.Parallel()
	good := manyRecent()[:1]
	data, err := json.Marshal(append(recentCommands{{ID: "two words"}, {ID: ""}, {ID: "a\nb"}}, good...))
	if err != nil {
		t.Fatal(err)
	}
	var got recentCommands
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(good, got); d != "" {
		t.Errorf("(- good, + restored)\n%s", d)
	}
	for _, bad := range []string{`{}`, `"1 2 3"`, `"x 0-1 h k i"`, `"1 x h k i"`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	f := folded{state: struct{}{}, aggregate: &es.Aggregate{}, recent: manyRecent()}
	b.Run("take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.snapshot(); err != nil {
				b.Fatal(err)
			}
		}
	})
	s, err := f.snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var saved savedState
			if err := es.Unmarshal(s.State, &saved); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// recentID needs escapes in JSON now and then.
func recentID(n int) string {
	if n%50 == 49 {
		return fmt.Sprintf(`a"\<%d>`, n)
	}
	return fmt.Sprintf("0191a0de-7b2c-7c3e-9f43-%012x", n)
}
