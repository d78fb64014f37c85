package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// faulty is a log that loses the next append, or the answer to it.
type faulty struct {
	port.Log
	loseNext, loseAnswer bool
}

func (f *faulty) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	if f.loseNext {
		f.loseNext = false
		return core.Revision{}, fmt.Errorf("%w: lost on its way", port.ErrUnavailable)
	}
	revision, err := f.Log.Append(ctx, expected, c)
	if f.loseAnswer {
		f.loseAnswer = false
		return core.Revision{}, fmt.Errorf("%w: its answer was lost", port.ErrUnavailable)
	}
	return revision, err
}

// counterModel is the expected behaviour of the counters, in its simplest form.
type counterModel struct {
	totals   map[string]int
	versions map[string]core.Version
	answers  map[string]answered // by stream and command id: the first acceptance
}

type answered struct {
	version core.Version
	n       int
}

// machine compares executors with the model, with faults between the commands.
type machine struct {
	t         testing.TB
	log       *faulty
	snapshots *forgetful
	services  []*command.Executor
	stops     []func()
	model     counterModel
	sent      []sentCommand // the accepted commands
	count     int           // of new commands
}

type sentCommand struct {
	stream, id string
	n          int
}

// forgetful is a snapshot store that can be emptied, also while a service saves snapshots.
type forgetful struct {
	kept atomic.Pointer[memory.Snapshots]
}

func (f *forgetful) lose() { f.kept.Store(memory.NewSnapshots()) }

func (f *forgetful) Load(ctx context.Context, s core.Stream, schema string) (port.Snapshot, error) {
	return f.kept.Load().Load(ctx, s, schema)
}

func (f *forgetful) Save(ctx context.Context, snapshots []port.Snapshot) error {
	return f.kept.Load().Save(ctx, snapshots)
}

func newMachine(t testing.TB) *machine {
	m := &machine{
		t: t, log: &faulty{Log: memory.NewLog(3)}, snapshots: &forgetful{},
		model: counterModel{totals: map[string]int{}, versions: map[string]core.Version{}, answers: map[string]answered{}},
	}
	m.snapshots.lose()
	for range 2 {
		m.services = append(m.services, nil)
		m.stops = append(m.stops, func() {})
		m.restart(len(m.services) - 1)
	}
	return m
}

// restart stops a service, which then saves its snapshots, and starts it with an empty and very small cache.
func (m *machine) restart(i int) {
	m.stops[i]()
	x := runtimetest.NewExecutor(m.t, m.log, m.snapshots, command.Config{CacheSize: 2, SnapshotEvery: 3})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = x.Run(ctx) }()
	m.services[i] = x
	m.stops[i] = func() { cancel(); <-ended }
}

// execute sends a command and compares its result with the model's.
func (m *machine) execute(service int, c sentCommand) error {
	result, err := m.services[service].Execute(context.Background(), runtimetest.AddCommand(c.stream, c.id, c.n))
	key := c.stream + " " + c.id
	first, known := m.model.answers[key]
	total := m.model.totals[c.stream] + c.n
	var no *core.Rejection
	switch {
	case errors.Is(err, port.ErrUnavailable):
		return m.execute(1-service, c) // its result is unknown: a client sends it again
	case known && first.n != c.n:
		if !errors.Is(err, runtime.ErrCommandReused) {
			return fmt.Errorf("%s with another body got %+v, %v", key, result, err) //nolint:errorlint // it may be nil
		}
	case known:
		if err != nil || result.Version != first.version {
			return fmt.Errorf("%s repeated got %+v, %v, not version %d", key, result, err, first.version) //nolint:errorlint // it may be nil
		}
	case total < 0:
		if !errors.As(err, &no) {
			return fmt.Errorf("%+v at a total of %d got %+v, %v", c, m.model.totals[c.stream], result, err) //nolint:errorlint // it may be nil
		}
	default:
		if err != nil || result.Version != m.model.versions[c.stream]+1 {
			return fmt.Errorf("%+v at version %d got %+v, %v", c, m.model.versions[c.stream], result, err) //nolint:errorlint // it may be nil
		}
		m.model.totals[c.stream] = total
		m.model.versions[c.stream]++
		m.model.answers[key] = answered{result.Version, c.n}
		m.sent = append(m.sent, c)
	}
	return nil
}

// step is one step of a script: a command or a fault. Which fields count depends on the action.
type step struct {
	action  string
	service int
	stream  string
	n       int
	sent    int // which of the accepted commands, modulo their number
}

const (
	sendNew        = "a new command"
	sendAgain      = "a command is sent twice"
	sendOther      = "its id is sent with another body"
	restartService = "a service restarts"
	loseSnapshots  = "snapshots are lost"
	loseAppend     = "an append is lost"
	loseAnswer     = "an answer is lost"
)

var actions = []string{sendNew, sendAgain, sendOther, restartService, loseSnapshots, loseAppend, loseAnswer}

// script draws up to 80 steps.
func script(random *rand.Rand) []step {
	steps := make([]step, 1+random.IntN(80))
	for i := range steps {
		n := 1 + random.IntN(6)
		if random.IntN(2) == 0 {
			n = -n
		}
		steps[i] = step{
			action: actions[random.IntN(len(actions))], service: random.IntN(2),
			stream: string("abcd"[random.IntN(4)]), n: n, sent: random.IntN(1000),
		}
	}
	return steps
}

func (m *machine) do(s step) error {
	var sent sentCommand
	if s.action == sendAgain || s.action == sendOther {
		if len(m.sent) == 0 {
			return nil
		}
		sent = m.sent[s.sent%len(m.sent)]
	}
	switch s.action {
	case sendNew:
		m.count++
		return m.execute(s.service, sentCommand{s.stream, fmt.Sprint("c", m.count), s.n})
	case sendAgain:
		return m.execute(s.service, sent)
	case sendOther:
		sent.n += 20
		return m.execute(s.service, sent)
	case restartService:
		m.restart(s.service)
	case loseSnapshots:
		m.snapshots.lose()
	case loseAppend:
		m.log.loseNext = true
	case loseAnswer:
		m.log.loseAnswer = true
	}
	return nil
}

// play runs a script from the start. It returns the first difference from the model.
func play(t testing.TB, steps []step) error {
	m := newMachine(t)
	defer func() {
		for _, stop := range m.stops {
			stop()
		}
	}()
	for i, s := range steps {
		err := m.do(s)
		if err == nil {
			err = m.compare()
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// shorten drops steps of a failing script as long as the rest still fails.
func shorten(steps []step, play func([]step) error) []step {
	for size := (len(steps) + 1) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(steps); {
			if fewer := slices.Concat(steps[:i], steps[i+size:]); play(fewer) != nil {
				steps = fewer
			} else {
				i += size
			}
		}
	}
	return steps
}

// With faults of services, caches, snapshots and answers, the results of commands are those of a simple model.
func TestExecutorsDoWhatTheModelSays(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("ORCHESTRIX_SEED"), 10, 64); err == nil {
		seed = given
	}
	scripts := 100
	if testing.Short() {
		scripts = 20
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range scripts {
		steps := script(random)
		if play(t, steps) == nil {
			continue
		}
		steps = shorten(steps, func(steps []step) error { return play(t, steps) })
		for i, s := range steps {
			t.Logf("%d: %+v", i, s)
		}
		t.Fatalf("%v (ORCHESTRIX_SEED=%d draws the same scripts)", play(t, steps), seed)
	}
}

// compare folds every stream from the log and compares it with the model.
func (m *machine) compare() error {
	for stream, version := range m.model.versions {
		total, last := 0, core.Version(0)
		for c, err := range port.Read(context.Background(), m.log, runtimetest.CounterStream(stream), 0) {
			if err != nil {
				return err
			}
			last = c.Version
			for _, e := range c.Events {
				var payload runtimetest.Added
				if err := json.Unmarshal(e.Data, &payload); err != nil {
					return err
				}
				total += payload.N
			}
		}
		if last != version || total != m.model.totals[stream] {
			return fmt.Errorf("the log of %s ends at version %d with %d, the model at %d with %d", stream, last, total, version, m.model.totals[stream])
		}
	}
	return nil
}
