package estest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// Platform starts the whole platform in memory, for one test: commands, views, queries and processes of the modules.
//
//	p := estest.Platform(t, banking.Module())
//	p.Send("ada", banking.Open{Owner: "Ada", Currency: "EUR"})
//	p.Send("ada", banking.Deposit{Amount: money("100")})
//	balance := estest.Read(p, banking.AccountBalance, "ada")
//
// Time is virtual, and passes only where the test lets it: [Running.Pass] takes no longer for a month than for a
// second. It begins at 2026-01-02T03:04:05Z. Each call of a method returns when everything that follows from it is done: views
// hold the events, and processes have reacted and got the results of their commands. A test needs no polling.
//
// A panic or another fault of the domain does not end the test. The platform handles it as in production: it retries a command
// of a process for some seconds of virtual time, and parks what can't be done. The test fails at its end with each such [Fault],
// unless it has asked for it by [Running.Faults].
//
// The test may be parallel, but must not itself be in a bubble of testing/synctest. The domain must not start goroutines.
func Platform(t *testing.T, modules ...es.Module) *Running {
	t.Helper()
	return newRunning(t, t, t.Output(), modules)
}

// newRunning starts the platform. t owns the bubble, report gets the failures.
func newRunning(t *testing.T, report testing.TB, output io.Writer, modules []es.Module) *Running {
	report.Helper()
	registry, err := compile.Modules(modules...)
	if err != nil {
		report.Fatalf("the modules can't be registered: %v", err)
	}
	schemas, err := schema.New(registry)
	if err != nil {
		report.Fatalf("the modules have no schemas: %v", err)
	}
	p := &Running{
		t: report, tenant: core.DefaultTenant, registry: registry, schemas: schemas,
		logger: slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: slog.LevelWarn})),
		bubble: newBubble(t), reported: map[faultID]bool{},
	}
	report.Cleanup(p.end)
	p.must("start the platform", func(ctx context.Context) error {
		time.Sleep(time.Until(beginning))
		p.stores = newStores()
		return p.start()
	})
	return p
}

// beginning is when the time of a platform begins. A bubble begins in the year 2000.
var beginning = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Running is a platform that runs in a test, made by [Platform]. Its methods are for the goroutine of the test. A method that
// can't do what it says ends the test.
type Running struct {
	t        testing.TB
	tenant   string
	registry *core.Registry
	schemas  *schema.Schemas
	logger   *slog.Logger
	bubble   *bubble
	stores   stores // made in the bubble, as is everything in it
	parts    *parts // that run; nil: none
	commands int    // that were sent
	held     held
	reported map[faultID]bool
}

// Accepted is the answer to an accepted command.
type Accepted struct {
	Version es.Version // of the stream after the command
	Events  []es.Event // none: the command changed nothing
}

// Send sends a command to the aggregate with this id, as a client does over HTTP: it is checked by its struct tags, and internal
// commands are refused. Its type identifies the decider. A command that is not accepted ends the test.
func (p *Running) Send(id string, command any) Accepted {
	p.t.Helper()
	accepted, err := p.send(id, command)
	if err != nil {
		p.t.Fatalf("%T to %q is not accepted: %s", command, id, describeFailure(err))
	}
	return accepted
}

// SendRejected sends a command like [Running.Send], and expects that it is rejected with this code: one of the domain, or
// of the platform ("validation-failed", "internal-command", "bad-token").
func (p *Running) SendRejected(id string, command any, code string) {
	p.t.Helper()
	accepted, err := p.send(id, command)
	if err == nil {
		p.t.Fatalf("%T to %q is accepted, expected the rejection %q; its events are (+):\n%s", command, id, code, difference(nil, accepted.Events))
	}
	if _, failure := problem.Public.Find(err); failure.Code != code {
		p.t.Fatalf("%T to %q: got %s, expected the rejection %q", command, id, describeFailure(err), code)
	}
}

func describeFailure(err error) string {
	_, failure := problem.Public.Find(err)
	if failure.Code == problem.Internal.Code { // its detail is for clients
		return err.Error()
	}
	return fmt.Sprintf("%s (%s)", failure.Code, failure.Detail)
}

func (p *Running) send(id string, command any) (accepted Accepted, err error) {
	p.t.Helper()
	t, err := p.commandType(command)
	if err != nil {
		p.t.Fatal(err)
	}
	p.commands++
	c := runtime.Command{
		Stream: es.Stream{Tenant: p.tenant, Category: t.Aggregate.Category, ID: id}, Name: t.Name, Type: t,
		ID: fmt.Sprint("test-", p.commands), Body: encode(p.t, command),
	}
	p.must("send a command", func(ctx context.Context) error {
		accepted, err = p.execute(ctx, c)
		return nil
	})
	return accepted, err
}

// execute checks and executes a command as the command service does.
func (p *Running) execute(ctx context.Context, c runtime.Command) (accepted Accepted, err error) {
	if c.Type.Internal {
		return accepted, problem.InternalCommand.Errorf("command %q of %s is a step of a process: only processes send it", c.Name, c.Stream.Category)
	}
	if err := c.Check(); err != nil {
		return accepted, err
	}
	if c.Payload, err = p.schemas.DecodeCommand(c.Type, c.Body); err != nil {
		return accepted, err
	}
	result, err := p.parts.executor.Execute(ctx, c)
	if err != nil {
		return accepted, err
	}
	accepted.Version = result.Version
	accepted.Events, err = p.eventsAfter(ctx, c.Stream, result.Version-core.Version(len(result.Events)))
	return accepted, err
}

// commandType returns the command of a Go type.
func (p *Running) commandType(command any) (found *core.CommandType, err error) {
	var known []string
	for _, a := range p.registry.Aggregates() {
		t, ok := a.CommandOf(command)
		if ok && found != nil {
			return nil, fmt.Errorf("%T is a command of %s and of %s: give each a type of its own", command, found.Aggregate.Category, a.Category)
		}
		if ok {
			found = t
		}
		for _, t := range a.Offered() {
			known = append(known, t.Type.String())
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no module takes a command of type %T; there are: %s", command, strings.Join(known, ", "))
	}
	return found, nil
}

// Events returns the events of an aggregate, oldest first; of a process instance, those of the category "process-<name>".
func (p *Running) Events(category, id string) (events []es.Event) {
	p.t.Helper()
	if _, ok := p.registry.Aggregate(category); !ok {
		p.t.Fatalf("no module has the category %q", category)
	}
	p.must("read a stream", func(ctx context.Context) (err error) {
		events, err = p.eventsAfter(ctx, es.Stream{Tenant: p.tenant, Category: category, ID: id}, 0)
		return err
	})
	return events
}

func (p *Running) eventsAfter(ctx context.Context, stream es.Stream, version core.Version) (events []es.Event, err error) {
	last, err := p.stores.log.Last(ctx, stream)
	if errors.Is(err, port.ErrNoStream) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for c, err := range p.stores.log.Since(ctx, version, last) {
		if err != nil {
			return nil, err
		}
		for _, recorded := range c.Events {
			event, err := p.registry.Decode(recorded)
			if err != nil {
				return nil, err
			}
			events = append(events, event)
		}
	}
	return events, nil
}

// Now returns the virtual time.
func (p *Running) Now() (now time.Time) {
	p.t.Helper()
	p.must("read the clock", func(context.Context) error {
		now = time.Now().UTC()
		return nil
	})
	return now
}

// Pass lets time pass. The deadlines of that time fire one after another, each at its moment.
func (p *Running) Pass(d time.Duration) {
	p.t.Helper()
	if d < 0 {
		p.t.Fatalf("time can't pass by %s: it goes forward", d)
	}
	p.must("let time pass", func(context.Context) error {
		time.Sleep(d)
		return nil
	})
}

// Wait lets time pass from deadline to deadline until the condition is true. It ends the test where that takes longer than limit,
// and where no deadline is pending that could change the condition.
func (p *Running) Wait(limit time.Duration, condition func() bool) {
	p.t.Helper()
	for end := p.Now().Add(limit); !condition(); {
		var pending []port.Deadline
		p.must("list deadlines", func(ctx context.Context) (err error) {
			pending, err = p.stores.deadlines.PendingDeadlines(ctx, port.DeadlineQuery{Limit: 1})
			return err
		})
		switch {
		case len(pending) == 0:
			p.t.Fatalf("the condition is not met, and no deadline is pending that could change it")
		case pending[0].At.After(end):
			p.t.Fatalf("the condition is not met within %s; the next deadline is %s of %s at %s", limit, pending[0].Name, pending[0].Of, pending[0].At.Format(time.RFC3339))
		}
		p.Pass(max(pending[0].At.Sub(p.Now()), time.Nanosecond))
	}
}

// Restart stops every part of the platform and starts it again on the same stores. Nothing else remains: aggregates are folded from
// the log again, views and processes continue where they were.
func (p *Running) Restart() {
	p.t.Helper()
	p.must("restart the platform", func(context.Context) error {
		if err := p.stop(); err != nil {
			return err
		}
		return p.start()
	})
}

// must runs a function in the bubble, and ends the test where it fails or the platform does not come to rest afterwards.
func (p *Running) must(what string, do func(ctx context.Context) error) {
	p.t.Helper()
	if err := p.bubble.run(func() error {
		if err := do(context.Background()); err != nil {
			return err
		}
		return p.settle(context.Background())
	}); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// end stops the platform at the end of the test, which fails where faults remain that it has not asked for.
func (p *Running) end() {
	p.t.Helper()
	var faults []fault
	err := p.bubble.run(func() (err error) {
		if p.parts != nil {
			faults, err = p.faults(context.Background())
		}
		return errors.Join(err, p.stop())
	})
	p.bubble.end()
	if err != nil {
		p.t.Errorf("stop the platform: %v", err)
	}
	for _, f := range faults {
		if !p.reported[f.id] {
			p.t.Errorf("%s", f.Fault)
		}
	}
}
