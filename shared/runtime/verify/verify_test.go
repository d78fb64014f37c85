package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/verify"
)

func verifyLog(t testing.TB, registry *core.Registry, s runtimetest.Stack, sample int) verify.Report {
	t.Helper()
	v, err := verify.Run(t.Context(), registry, s.Log, s.Views, verify.Options{Sample: sample})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyFindsNothingWrong(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry := runtimetest.TallyRegistry(t, 1, nil)
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		want := runtimetest.FeedCounters(t, s.Log, "a", 10, 10)
		runtimetest.AwaitTallies(t, s.Views, want)
		var writing sync.WaitGroup
		writing.Go(func() { runtimetest.FeedCounters(t, s.Log, "a-while", 4, 20) }) // while it is being checked
		for _, sample := range []int{0, 3} {
			v := verifyLog(t, registry, s, sample)
			if v.Count != 0 || v.Commits < 100 || v.Documents == 0 {
				t.Errorf("with a sample of %d: %+v", sample, v)
			}
		}
		writing.Wait()
	})
}

// wantFinding expects these findings and no others.
func wantFinding(t testing.TB, v verify.Report, texts ...string) {
	t.Helper()
	if v.Count != len(texts) {
		t.Errorf("%d findings, not %d: %+v", v.Count, len(texts), v.Findings)
	}
	for _, text := range texts {
		found := false
		for _, f := range v.Findings {
			found = found || strings.Contains(f.Where+": "+f.What, text)
		}
		if !found {
			t.Errorf("%q was not found: %+v", text, v.Findings)
		}
	}
}

// tampered is a log that followers read with changes.
type tampered struct {
	port.Log
	change func(*core.Commit) bool // false drops the commit
}

func (l tampered) Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, port.Batch) error) error {
	return l.Log.Follow(ctx, after, maxBatch, func(ctx context.Context, b port.Batch) error {
		kept := b.Commits[:0:0]
		for _, c := range b.Commits {
			if l.change(&c) {
				kept = append(kept, c)
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return handle(ctx, port.Batch{Commits: kept, Pending: b.Pending})
	})
}

func TestVerifyFindsWhatIsWrongWithTheLog(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*core.Commit) bool
		want   []string
	}{
		"a commit is missing": {
			func(c *core.Commit) bool { return c.Position.Sequence != 3 },
			[]string{"0-4: commits are missing", "0-4: counter-a continues with version 4 after 2", "0-4: counter-a has back-pointers"},
		},
		"a version is skipped": {
			func(c *core.Commit) bool {
				if c.Position.Sequence == 5 {
					c.Version++
				}
				return true
			},
			[]string{"0-5: counter-a continues with version 6 after 4"},
		},
		"a wrong back-pointer": {
			func(c *core.Commit) bool {
				if c.Position.Sequence == 4 {
					c.Previous = []uint64{1, 2}
				}
				return true
			},
			[]string{"0-4: counter-a has back-pointers", "0-5: counter-a has back-pointers"},
		},
		"an unknown event": {
			func(c *core.Commit) bool {
				if c.Position.Sequence == 5 {
					c.Events = []core.Recorded{{Type: "counting.Forgotten", Schema: 1, Data: json.RawMessage(`{}`)}}
				}
				return true
			},
			[]string{"0-5: counter-a: unknown event"},
		},
		"a command twice": {
			func(c *core.Commit) bool {
				if c.Position.Sequence == 5 {
					c.Command.ID = "1"
				}
				return true
			},
			[]string{"0-5: command 1 of counter-a was committed before"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.NewLog(1)
			x := runtimetest.NewExecutor(t, log, nil, command.Config{})
			for _, id := range []string{"1", "2", "3", "4", "5"} {
				runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", id, 1))
			}
			v, err := verify.Run(t.Context(), runtimetest.CounterRegistry(t), tampered{log, test.change}, memory.NewViews(), verify.Options{LogOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			wantFinding(t, v, test.want...)
		})
	}
}

func TestVerifyFindsWhatIsWrongWithViews(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry := runtimetest.TallyRegistry(t, 1, nil)
		_, stop := runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		runtimetest.AwaitTallies(t, s.Views, runtimetest.FeedCounters(t, s.Log, "a", 4, 5))
		stop()
		tamper(t, s.Views, runtimetest.CounterView(t, "by-id"), map[string]string{"a1": `{"total":7,"adds":1}`, "a2": "", "unexpected": `{"total":1,"adds":1}`})
		wantFinding(t, verifyLog(t, registry, s, 0), `"a1": from the log: {"total":15,"adds":5}`+"\n"+`in the store: {"total":7,"adds":1}`,
			`"a2": from the log: {"total":15,"adds":5}`+"\nin the store: (none)", `"unexpected": from the log: (none)`)
	})
}

// tamper changes documents as a database client would.
func tamper(t testing.TB, views port.ViewStore, view core.ViewSpec, documents map[string]string) {
	t.Helper()
	c, err := views.Claim(t.Context(), view, 0, "intruder", 1)
	if err != nil {
		t.Fatal(err)
	}
	var result port.FoldResult
	var keys []port.DocumentKey
	for _, key := range []string{"a1", "a2", "unexpected"} {
		k := port.DocumentKey{Tenant: core.DefaultTenant, Key: key}
		keys = append(keys, k)
		w := port.DocumentWrite{DocumentKey: k}
		if data := documents[key]; data != "" {
			w.Data = json.RawMessage(data)
		}
		result.Writes = append(result.Writes, w)
	}
	u := port.Update{Lease: c.Lease, From: c.Position, To: c.Position, Mark: c.Mark, Keys: keys}
	if err := views.Apply(t.Context(), view, u, func(port.FoldInput) (port.FoldResult, error) { return result, nil }); err != nil {
		t.Fatal(err)
	}
}

// Events that wait behind one that can't be decoded are missing in the views. That is no finding.
func TestVerifyKnowsWhatWaitsBehindAnUnreadableEvent(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry := runtimetest.TallyRegistry(t, 1, nil)
		stream, revision := runtimetest.CounterStream("stuck"), core.Revision{}
		for i, e := range []core.Recorded{
			{Type: "counting.Added", Schema: 1, Data: json.RawMessage(`{"N":2}`)},
			{Type: "counting.Forgotten", Schema: 1, Data: json.RawMessage(`{}`)},
			{Type: "counting.Added", Schema: 1, Data: json.RawMessage(`{"N":4}`)},
		} {
			var err error
			revision, err = s.Log.Append(t.Context(), revision, core.Commit{
				Stream: stream, Version: core.Version(i + 1), Command: core.CommandRef{ID: fmt.Sprint("c", i)}, Events: []core.Recorded{e},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		runtimetest.Eventually(t, "the events wait", func() error {
			parked, err := s.Views.Parked(t.Context(), port.ParkedQuery{Limit: 10})
			if err != nil || len(parked) != 2 || parked[0].Behind != 1 || parked[1].Behind != 1 {
				return fmt.Errorf("parked are %+v, %w", parked, err)
			}
			return nil
		})
		for _, sample := range []int{0, 3} {
			v := verifyLog(t, registry, s, sample)
			wantFinding(t, v, "unknown event")
			if v.Blocked == 0 {
				t.Errorf("no document is reported as blocked: %+v", v)
			}
		}
	})
}

// meddling is a view store that calls a function before the first document is read.
type meddling struct {
	port.ViewStore
	once   *sync.Once
	meddle func()
}

func (m meddling) Get(ctx context.Context, view, tenant, key string) (core.Document, error) {
	m.once.Do(m.meddle)
	return m.ViewStore.Get(ctx, view, tenant, key)
}

// A document that is deleted during the check is not reported as missing.
func TestVerifyWhileADocumentIsRemoved(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry := runtimetest.FoldRegistry(t, es.OnWith(func(d *runtimetest.Tally, e runtimetest.Added, _ core.Meta) error {
			if d.Total += e.N; e.N == 99 {
				return core.Delete
			}
			return nil
		}))
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		x := runtimetest.NewExecutor(t, s.Log, nil, command.Config{})
		runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "1", 1))
		runtimetest.AwaitTallies(t, s.Views, map[string]runtimetest.Tally{"a": {Total: 1}})
		views := meddling{s.Views, new(sync.Once), func() {
			runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "2", 99))
			runtimetest.Eventually(t, "the document is gone", func() error {
				if _, err := s.Views.Get(t.Context(), "by-id", core.DefaultTenant, "a"); !errors.Is(err, core.ErrNotFound) {
					return fmt.Errorf("got %w", err)
				}
				return nil
			})
		}}
		wantFinding(t, verifyLog(t, registry, runtimetest.Stack{Log: s.Log, Views: views}, 0))
	})
}
