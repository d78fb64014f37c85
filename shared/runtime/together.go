package runtime

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"orchestrix/shared/es"
	"orchestrix/shared/tracing"
)

const (
	togetherMost     = 32                    // commits: more are worth a transaction of their own
	togetherPatience = 10 * time.Millisecond // with projections that have got the same commits and have not handed in yet
	slowFold         = 100 * time.Millisecond
	aloneFor         = 10 * time.Second // is a projection that has held the others up
)

// together puts what the projections of a worker do with few commits into one transaction: most of what it costs is the
// same for one view and for ten, and documents that several partitions write are locked once. One transaction runs at a
// time, and who comes meanwhile is in the next.
type together struct {
	views es.ViewWriter

	mu      sync.Mutex
	coming  int // places that are expected
	queue   []*handedIn
	running bool
}

// place is one projection's part in what is done together, guarded by its mutex.
type place struct {
	together *together
	expected bool // it has got something, and will hand it in
	alone    time.Time
}

// handedIn waits for its transaction.
type handedIn struct {
	es.Application
	*place
	traced bool             // its spans are kept
	lead   chan []*handedIn // it is told to run these, its own among them
	done   chan outcome
}

type outcome struct {
	err   error
	apart bool              // nothing was done: it has to be applied by itself
	span  trace.SpanContext // of the projection in whose name the transaction ran
}

// expect says that the place will hand something in, or [place.dismiss] itself.
func (p *place) expect() {
	p.together.mu.Lock()
	defer p.together.mu.Unlock()
	p.together.expect(p)
}

func (t *together) expect(p *place) {
	if !p.expected {
		p.expected = true
		t.coming++
	}
}

// dismiss says that the others need not wait.
func (p *place) dismiss() {
	p.together.mu.Lock()
	defer p.together.mu.Unlock()
	p.together.dismiss(p)
	p.together.start()
}

func (t *together) dismiss(p *place) {
	if p.expected {
		p.expected = false
		t.coming--
	}
}

// start lets the newest of those who wait run a transaction, where nobody else is expected: of those whose spans are kept,
// where there are any, so that the others have something to name.
func (t *together) start() {
	if t.running || t.coming > 0 || len(t.queue) == 0 {
		return
	}
	t.running = true
	leader := t.queue[len(t.queue)-1]
	for _, h := range t.queue {
		if h.traced {
			leader = h
		}
	}
	leader.lead <- t.queue
	t.queue = nil
}

// apply applies an update together with those of others, or alone where that did not work.
func (p *place) apply(ctx context.Context, a es.Application) error {
	t := p.together
	h := &handedIn{Application: a, place: p, traced: tracing.On(ctx), lead: make(chan []*handedIn, 1), done: make(chan outcome, 1)}
	t.mu.Lock()
	t.dismiss(p)
	alone := time.Now().Before(p.alone)
	if !alone {
		t.queue = append(t.queue, h)
	}
	t.start()
	t.mu.Unlock()
	if alone {
		return t.views.Apply(ctx, a.View, a.Update, a.Fold)
	}
	patience := time.NewTimer(togetherPatience)
	defer patience.Stop()
	for {
		select {
		case all := <-h.lead:
			t.run(ctx, all)
		case <-patience.C:
			t.mu.Lock()
			t.giveUp()
			t.mu.Unlock()
			patience.Reset(togetherPatience)
		case o := <-h.done:
			if o.apart {
				return t.views.Apply(ctx, a.View, a.Update, a.Fold)
			}
			tracing.Link(ctx, o.span)
			return o.err
		}
	}
}

// giveUp waits no longer for those who are expected.
func (t *together) giveUp() {
	expected := t.coming
	t.coming = 0
	t.start()
	t.coming = expected
}

// run applies all in one transaction. Who was in it is expected in the next one: there is something new already, or it
// goes back to waiting.
func (t *together) run(ctx context.Context, all []*handedIn) {
	o := outcome{span: trace.SpanContextFromContext(ctx)}
	if len(all) == 1 {
		a := all[0].Application
		o.err = t.views.Apply(ctx, a.View, a.Update, a.Fold)
	} else {
		applications := make([]es.Application, len(all))
		for i, h := range all {
			applications[i] = h.Application
			applications[i].Fold = h.timed()
		}
		o.apart = t.views.ApplyTogether(ctx, applications) != nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
	for _, h := range all {
		if o.err == nil && !o.apart {
			t.expect(h.place)
		}
		h.done <- o
	}
	t.start()
}

// timed is the fold, which holds up the others while it runs.
func (h *handedIn) timed() es.FoldFunc {
	return func(current es.Current) (es.Outcome, error) {
		started := time.Now()
		defer func() {
			if time.Since(started) > slowFold {
				h.together.mu.Lock()
				defer h.together.mu.Unlock()
				h.alone = time.Now().Add(aloneFor)
			}
		}()
		return h.Fold(current)
	}
}
