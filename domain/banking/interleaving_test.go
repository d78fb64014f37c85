package banking_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// In any order of commands, answers and deadlines, late, repeated or set aside for days:
// every transfer ends, no money is made or lost, and no account remembers anything in the end.
func TestEveryInterleaving(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		w := newWorld(t, seed)
		w.runToEnd()
		w.check()
		if t.Failed() {
			t.Fatalf("seed %d; what has happened:\n%v", seed, w.history)
		}
	}
}

// world is some accounts and transfers, and a network that is as bad as the platform lets it be: commands to one
// aggregate come in order, except that one may be set aside and come after everything else, and any may come again.
type world struct {
	t         *testing.T
	random    *rand.Rand
	registry  *core.Registry
	process   *core.ProcessType
	now       time.Time
	states    map[es.Stream]any // of accounts and transfers
	recent    map[string]es.CommandResult
	instances map[string]processes.Instance // by transfer
	queues    map[es.Stream][]envelope
	aside     []envelope // dead letters
	results   []delivery
	moved     map[string]map[string]int // by transfer: how often each kind of event has happened
	history   []string
}

type envelope struct {
	from    string // the instance
	to      es.Stream
	command processes.SentCommand
	tried   bool
}

type delivery struct {
	to     string
	result es.CommandResult
}

func stream(category, id string) es.Stream {
	return es.Stream{Tenant: core.DefaultTenant, Category: category, ID: id}
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	registry, err := compile.Modules(banking.Module())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), registry: registry, process: registry.Processes()[0],
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), states: map[es.Stream]any{}, recent: map[string]es.CommandResult{},
		instances: map[string]processes.Instance{}, queues: map[es.Stream][]envelope{}, moved: map[string]map[string]int{},
	}
	for _, id := range []string{"a", "b"} { // there is no account c, at first
		w.mustDecide(stream("account", id), banking.Open{Owner: id, Currency: "EUR"})
		w.mustDecide(stream("account", id), banking.Deposit{Amount: money([]string{"30", "100"}[w.random.IntN(2)])})
	}
	ids := []string{"a", "b", "c"}
	for i := range 1 + w.random.IntN(3) {
		w.random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		id := fmt.Sprint("t-", i)
		w.mustDecide(stream("transfer", id), banking.Request{From: ids[0], To: ids[1], Amount: money("60"), Currency: "EUR"})
	}
	return w
}

// decide gives an aggregate a command, and hands its events to the process.
func (w *world) decide(to es.Stream, command any) error {
	a, _ := w.registry.Aggregate(to.Category)
	state, ok := w.states[to]
	if !ok {
		state = a.Initial
	}
	t, _ := a.CommandOf(command)
	events, err := t.Decide(state, command)
	for _, event := range events {
		state = a.Evolve(state, event)
		w.count(event)
		recorded, encodeErr := a.Encode(event)
		if encodeErr != nil {
			w.t.Fatal(encodeErr)
		}
		if w.process.ReactsTo(recorded.Type) {
			c := core.Commit{Stream: to, Version: 1, Time: w.now, Events: []core.Recorded{recorded}}
			w.react(to.ID, processes.EventTrigger(&c, 0))
		}
	}
	w.states[to] = state
	w.history = append(w.history, fmt.Sprintf("%s: %T → %T %v", to, command, events, err))
	return err
}

func (w *world) mustDecide(to es.Stream, command any) {
	w.t.Helper()
	if err := w.decide(to, command); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(event es.Event) {
	add := func(transfer, kind string) {
		if w.moved[transfer] == nil {
			w.moved[transfer] = map[string]int{}
		}
		w.moved[transfer][kind]++
	}
	switch e := event.(type) {
	case banking.AccountDebited:
		add(e.Transfer, "debit")
	case banking.AccountCredited:
		add(e.Transfer, "credit")
	case banking.DebitReturned:
		add(e.Transfer, "return")
	}
}

func (w *world) react(id string, t processes.Trigger) {
	w.apply(id, processes.ReactCommand(w.process, stream(w.process.Aggregate.Category, id), t, nil))
}

// apply gives an instance a command, and sends what it wants to send.
func (w *world) apply(id string, c core.InternalCommand) {
	events, err := c.Type.Decide(w.instances[id], c.Payload)
	if err != nil {
		w.history = append(w.history, fmt.Sprintf("%s: %v", id, err))
		return
	}
	for _, event := range events {
		w.instances[id] = w.process.Aggregate.Evolve(w.instances[id], event).(processes.Instance)
		if reacted, ok := event.(processes.Reacted); ok {
			for _, sent := range reacted.Send {
				to := stream(sent.Category, sent.To)
				w.queues[to] = append(w.queues[to], envelope{from: id, to: to, command: sent})
			}
		}
		if parked, ok := event.(processes.Parked); ok {
			w.t.Errorf("instance %s is parked: %s", id, parked.Error)
		}
	}
}

// deliver brings a command to its aggregate, which knows it if it has come before.
func (w *world) deliver(e envelope) {
	result, known := w.recent[e.command.ID]
	if !known {
		a, _ := w.registry.Aggregate(e.to.Category)
		t, _ := a.Command(e.command.Name)
		command, err := t.Decode(e.command.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		err = w.decide(e.to, command)
		result = es.CommandResult{CommandID: e.command.ID, Accepted: err == nil, Time: w.now}
		var rejection *es.Rejection
		if errors.As(err, &rejection) {
			result.Code = rejection.Code
		} else {
			w.recent[e.command.ID] = result // what was rejected is decided again
		}
	}
	w.results = append(w.results, delivery{e.from, result})
}

func (w *world) runToEnd() {
	disturbances := 0
	for range 10_000 {
		var waiting []es.Stream
		for to, queue := range w.queues {
			if len(queue) > 0 {
				waiting = append(waiting, to)
			}
		}
		slices.SortFunc(waiting, func(a, b es.Stream) int { return slices.Compare([]byte(a.String()), []byte(b.String())) })
		switch {
		case disturbances < 12 && w.random.IntN(4) == 0:
			disturbances++
			w.disturb()
		case len(waiting) > 0 && w.random.IntN(2) == 0:
			w.next(waiting[w.random.IntN(len(waiting))])
		case len(w.results) > 0 && w.random.IntN(3) > 0:
			i := w.random.IntN(len(w.results))
			d := w.results[i]
			w.results = slices.Delete(w.results, i, i+1)
			w.react(d.to, processes.ResultTrigger(d.result))
		case w.random.IntN(6) == 0:
			w.passDeadline()
		case len(waiting)+len(w.results) == 0 && len(w.aside) > 0: // an operator retries the dead letters
			i := w.random.IntN(len(w.aside))
			w.deliver(w.aside[i])
			w.aside = slices.Delete(w.aside, i, i+1)
		case len(waiting)+len(w.results) == 0 && w.ended():
			return
		}
	}
	w.t.Error("it does not come to an end")
}

// next brings the first command that waits for an aggregate: it may be set aside unanswered, or come more than once.
func (w *world) next(to es.Stream) {
	e := w.queues[to][0]
	if !e.tried && w.random.IntN(10) == 0 {
		w.queues[to] = w.queues[to][1:]
		w.aside = append(w.aside, e)
		return
	}
	w.deliver(e)
	w.queues[to][0].tried = true
	if w.random.IntN(3) > 0 { // else it is not acknowledged
		w.queues[to] = w.queues[to][1:]
	}
}

func (w *world) passDeadline() {
	for _, id := range slices.Sorted(maps.Keys(w.instances)) {
		for _, d := range w.instances[id].Deadlines {
			if w.random.IntN(2) == 0 {
				w.react(id, processes.DeadlineTrigger(d.ID, d.Key(), w.now.Add(d.After)))
				return
			}
		}
	}
}

// disturb lets people do what they like with the accounts and the transfers.
func (w *world) disturb() {
	to := stream("account", string("abc"[w.random.IntN(3)]))
	switch w.random.IntN(6) {
	case 0:
		_ = w.decide(to, banking.Close{})
	case 1:
		_ = w.decide(to, banking.Open{Owner: "x", Currency: []string{"EUR", "USD"}[w.random.IntN(2)]})
	case 2, 3:
		if a, ok := w.states[to].(banking.Account); ok && a.Balance.IsPos() {
			_ = w.decide(to, banking.Withdraw{Amount: a.Balance})
		}
	case 4:
		_ = w.decide(to, banking.Deposit{Amount: money("60")})
	case 5:
		id := "t-0"
		w.apply(id, processes.CancelCommand(w.process, stream(w.process.Aggregate.Category, id), fmt.Sprint("end-", w.random.Uint64()), core.Action{Who: "x", At: w.now}, nil))
	}
}

func (w *world) ended() bool {
	for _, p := range w.instances {
		if !p.Status.Ended() {
			return false
		}
	}
	return true
}

func (w *world) check() {
	for id, p := range w.instances {
		status := w.states[stream("transfer", id)].(banking.Transfer).Status
		got, want := w.moved[id], map[string]int{"debit": 1, "credit": 1}
		if p.Status == processes.StatusFailed {
			want = map[string]int{"debit": got["return"], "return": got["return"]}
		}
		if got["debit"] != want["debit"] || got["credit"] != want["credit"] || got["return"] != want["return"] || got["return"] > 1 {
			w.t.Errorf("transfer %s is %s, with the movements %v", id, p.Status, got)
		}
		if (p.Status == processes.StatusCompleted) != (status == banking.Completed) || (p.Status == processes.StatusFailed) != (status == banking.Failed) {
			w.t.Errorf("transfer %s is %s, its process %s", id, status, p.Status)
		}
		if len(p.Sent) > 0 {
			w.t.Errorf("the process of transfer %s waits for %v", id, p.Sent)
		}
	}
	for to, state := range w.states {
		if a, ok := state.(banking.Account); ok && (len(a.Entries) > 0 || a.Balance.IsNeg()) {
			w.t.Errorf("%s is left as %+v", to, a)
		}
	}
}
