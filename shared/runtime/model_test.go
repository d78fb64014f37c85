package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"orchestrix/shared/es"
	"orchestrix/shared/memory"
	"orchestrix/shared/runtime"
)

// faulty is a log whose next append, or its answer, can be lost.
type faulty struct {
	es.Log
	loseNext, loseAnswer bool
}

func (f *faulty) Append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	if f.loseNext {
		f.loseNext = false
		return es.Revision{}, fmt.Errorf("%w: lost on its way", es.ErrUnavailable)
	}
	revision, err := f.Log.Append(ctx, expected, c)
	if f.loseAnswer {
		f.loseAnswer = false
		return es.Revision{}, fmt.Errorf("%w: its answer was lost", es.ErrUnavailable)
	}
	return revision, err
}

// counterModel is a plain model of the counters.
type counterModel struct {
	totals   map[string]int
	versions map[string]es.Version
	answers  map[string]answered // by stream and command id: the first acceptance
}

type answered struct {
	version es.Version
	n       int
}

// machine compares executors with the model, under restarts and losses.
type machine struct {
	t         testing.TB
	log       *faulty
	snapshots *forgetful
	services  []*runtime.Executor
	stops     []func()
	model     counterModel
	sent      []sentCommand
}

type sentCommand struct {
	stream, id string
	n          int
}

// forgetful are snapshots that can be lost, also while a service saves some.
type forgetful struct {
	kept atomic.Pointer[memory.Snapshots]
}

func (f *forgetful) lose() { f.kept.Store(memory.NewSnapshots()) }

func (f *forgetful) Load(ctx context.Context, s es.Stream, schema string) (es.Snapshot, error) {
	return f.kept.Load().Load(ctx, s, schema)
}

func (f *forgetful) Save(ctx context.Context, snapshots []es.Snapshot) error {
	return f.kept.Load().Save(ctx, snapshots)
}

func newMachine(t testing.TB) *machine {
	m := &machine{
		t: t, log: &faulty{Log: memory.NewLog(3)}, snapshots: &forgetful{},
		model: counterModel{totals: map[string]int{}, versions: map[string]es.Version{}, answers: map[string]answered{}},
	}
	m.snapshots.lose()
	for range 2 {
		m.services = append(m.services, nil)
		m.stops = append(m.stops, func() {})
		m.restart(len(m.services) - 1)
	}
	return m
}

// restart stops a service, which saves its snapshots, and starts it with an empty and very small cache.
func (m *machine) restart(i int) {
	m.stops[i]()
	x := newExecutor(m.t, m.log, m.snapshots, runtime.ExecutorConfig{CacheSize: 2, SnapshotEvery: 3})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = x.Run(ctx) }()
	m.services[i] = x
	m.stops[i] = func() { cancel(); <-ended }
}

func (m *machine) execute(t *rapid.T, service int, c sentCommand) {
	result, err := m.services[service].Execute(context.Background(), addCommand(c.stream, c.id, c.n))
	key := c.stream + " " + c.id
	first, known := m.model.answers[key]
	total := m.model.totals[c.stream] + c.n
	var no *es.Rejection
	switch {
	case errors.Is(err, es.ErrUnavailable):
		m.execute(t, 1-service, c) // the result is unknown: a client sends the command again
	case known && first.n != c.n:
		if !errors.Is(err, runtime.ErrCommandReused) {
			t.Fatalf("%s with another body got %+v, %v", key, result, err)
		}
	case known:
		if err != nil || result.Version != first.version {
			t.Fatalf("%s repeated got %+v, %v, not version %d", key, result, err, first.version)
		}
	case total < 0:
		if !errors.As(err, &no) {
			t.Fatalf("%+v at a total of %d got %+v, %v", c, m.model.totals[c.stream], result, err)
		}
	default:
		if err != nil || result.Version != m.model.versions[c.stream]+1 {
			t.Fatalf("%+v at version %d got %+v, %v", c, m.model.versions[c.stream], result, err)
		}
		m.model.totals[c.stream] = total
		m.model.versions[c.stream]++
		m.model.answers[key] = answered{result.Version, c.n}
		m.sent = append(m.sent, c)
	}
}

// Under restarts and losses of snapshots, appends and answers, commands do what a plain model does.
func TestExecutorsDoWhatTheModelSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := newMachine(t)
		defer func() {
			for _, stop := range m.stops {
				stop()
			}
		}()
		count := 0
		r.Repeat(map[string]func(*rapid.T){
			"a new command": func(r *rapid.T) {
				count++
				n := rapid.IntRange(-6, 6).Filter(func(n int) bool { return n != 0 }).Draw(r, "n")
				stream := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(r, "stream")
				m.execute(r, rapid.IntRange(0, 1).Draw(r, "service"), sentCommand{stream, fmt.Sprint("c", count), n})
			},
			"a command comes twice": func(r *rapid.T) {
				if len(m.sent) == 0 {
					r.Skip("nothing was sent")
				}
				m.execute(r, rapid.IntRange(0, 1).Draw(r, "service"), rapid.SampledFrom(m.sent).Draw(r, "command"))
			},
			"its id comes with another body": func(r *rapid.T) {
				if len(m.sent) == 0 {
					r.Skip("nothing was sent")
				}
				c := rapid.SampledFrom(m.sent).Draw(r, "command")
				c.n += 20
				m.execute(r, rapid.IntRange(0, 1).Draw(r, "service"), c)
			},
			"a service restarts":  func(r *rapid.T) { m.restart(rapid.IntRange(0, 1).Draw(r, "service")) },
			"snapshots are lost":  func(*rapid.T) { m.snapshots.lose() },
			"an append gets lost": func(*rapid.T) { m.log.loseNext = true },
			"an answer gets lost": func(*rapid.T) { m.log.loseAnswer = true },
			"":                    func(r *rapid.T) { m.compare(r) },
		})
	})
}

// compare folds every stream from the log and compares it with the model.
func (m *machine) compare(r *rapid.T) {
	for stream, version := range m.model.versions {
		total, last := 0, es.Version(0)
		for c, err := range es.Read(context.Background(), m.log, counterStream(stream), 0) {
			if err != nil {
				r.Fatal(err)
			}
			last = c.Version
			for _, e := range c.Events {
				var payload added
				if err := json.Unmarshal(e.Data, &payload); err != nil {
					r.Fatal(err)
				}
				total += payload.N
			}
		}
		if last != version || total != m.model.totals[stream] {
			r.Fatalf("the log of %s ends at version %d with %d, the model at %d with %d", stream, last, total, version, m.model.totals[stream])
		}
	}
}
