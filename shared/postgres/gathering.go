package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
)

const (
	gatheringReaders = 2  // statements at the same time
	maxReadAtOnce    = 64 // of what is asked for, in one of them
)

// gathering brings reads together: a statement costs Postgres and the client nearly the same whether it returns one row or
// ten. The first who comes reads at once and alone; who comes while enough others read waits for one of them to end, and
// is then read together with all who wait. Nobody waits for company.
type gathering[T any] struct {
	mu      sync.Mutex
	reading int
	waiting []*gathered[T]
}

// gathered is one who waits.
type gathered[T any] struct {
	read *T
	lead chan struct{} // closed when this one has to read for all who wait
	done chan struct{} // closed when another has read for it
	err  error
}

// errApart says that a read together came to nothing for what may be the fault of another: each has to read by itself.
var errApart = errors.New("read by yourself")

// read lets one call of all fill in r, with what others ask for.
func (g *gathering[T]) read(ctx context.Context, r *T, all func(context.Context, []*T) error) error {
	if w := g.wait(r); w != nil {
		select {
		case <-w.done:
			if errors.Is(w.err, errApart) {
				return all(ctx, []*T{r})
			}
			return w.err
		case <-w.lead:
		case <-ctx.Done():
			return g.abandon(ctx, w)
		}
	}
	others, reads := g.take(r)
	err := all(ctx, reads)
	g.end()
	forOthers := err
	if err != nil && (ctx.Err() != nil || isRefused(err)) {
		forOthers = errApart
	}
	for _, w := range others {
		w.err = forOthers
		close(w.done)
	}
	if len(others) > 0 && isRefused(err) {
		return all(ctx, []*T{r})
	}
	return err
}

// wait returns nil where r may be read now.
func (g *gathering[T]) wait(r *T) *gathered[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reading < gatheringReaders {
		g.reading++
		return nil
	}
	w := &gathered[T]{read: r, lead: make(chan struct{}), done: make(chan struct{})}
	g.waiting = append(g.waiting, w)
	return w
}

// take returns those who wait, and what is to be read: r, and for them.
func (g *gathering[T]) take(r *T) (others []*gathered[T], reads []*T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxReadAtOnce-1)
	others, reads = slices.Clone(g.waiting[:n]), make([]*T, 1, n+1)
	g.waiting = slices.Delete(g.waiting, 0, n)
	reads[0] = r
	for _, w := range others {
		reads = append(reads, w.read)
	}
	return others, reads
}

// end lets the next who waits lead.
func (g *gathering[T]) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.reading--
		return
	}
	next := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	close(next.lead)
}

// abandon ends a wait. Whom it was left to lead passes that on.
func (g *gathering[T]) abandon(ctx context.Context, w *gathered[T]) error {
	g.mu.Lock()
	g.waiting = slices.DeleteFunc(g.waiting, func(other *gathered[T]) bool { return other == w })
	g.mu.Unlock()
	select {
	case <-w.lead:
		g.end()
	default:
	}
	return ctx.Err()
}
