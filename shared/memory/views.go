package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"orchestrix/shared/es"
)

// Views keeps views in memory.
type Views struct {
	mu      sync.Mutex
	views   map[string]*view // by name
	workers map[string]worker
	parked  map[es.Build][]*parking // in the order of their ids
	lastID  int64
	actions []es.Action // oldest first
}

type worker struct {
	kind  es.WorkerKind
	until time.Time // it lives
}

// view is all builds of one view.
type view struct {
	active *build
	builds []*build // from the oldest
	paused bool
}

// build is one build of a view.
type build struct {
	spec           es.ViewSpec
	state          es.BuildState
	since, started time.Time
	dropOld        bool
	dropped        bool // it is only remembered, since it is the newest and was called off
	documents      map[es.DocumentKey]es.Document
	checkpoints    map[int]*es.Checkpoint // by partition
}

var _ es.ViewStore = (*Views)(nil)

// NewViews returns an empty store.
func NewViews() *Views {
	return &Views{views: map[string]*view{}, workers: map[string]worker{}, parked: map[es.Build][]*parking{}}
}

// Prepare implements [es.ViewWriter].
func (s *Views) Prepare(_ context.Context, spec es.ViewSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[spec.Name]
	if v == nil {
		v = &view{}
		s.views[spec.Name] = v
	}
	b := v.find(spec.Build())
	if b == nil {
		b = v.add(spec)
	}
	b.spec = spec
	if v.active == nil {
		v.active = b
		b.enter(es.Active)
	}
	return nil
}

func (v *view) add(spec es.ViewSpec) *build {
	now := time.Now()
	b := &build{
		spec: spec, state: es.Building, since: now, started: now,
		documents: map[es.DocumentKey]es.Document{}, checkpoints: map[int]*es.Checkpoint{},
	}
	v.builds = append(v.builds, b)
	return b
}

func (v *view) find(wanted es.Build) *build {
	for _, b := range v.builds {
		if b.spec.Build() == wanted {
			return b
		}
	}
	return nil
}

func (b *build) enter(state es.BuildState) { b.state, b.since = state, time.Now() }

// find returns a build that is being kept up to date.
func (s *Views) find(spec es.ViewSpec) (*view, *build, error) {
	if v := s.views[spec.Name]; v != nil {
		if b := v.find(spec.Build()); b != nil && (b.state == es.Active || b.state == es.Building) {
			return v, b, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: %s is not prepared", es.ErrUnavailable, spec.Build())
}

// Claim implements [es.ViewWriter].
func (s *Views) Claim(_ context.Context, spec es.ViewSpec, partition int, owner string, ttl time.Duration) (es.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, b, err := s.find(spec)
	if err != nil {
		return es.Checkpoint{}, err
	}
	c := b.checkpoints[partition]
	if c == nil {
		c = &es.Checkpoint{Build: spec.Build(), Position: es.Position{Partition: partition}}
		b.checkpoints[partition] = c
	}
	if v.paused {
		return es.Checkpoint{}, fmt.Errorf("%w: view %s is paused", es.ErrLeased, spec.Name)
	}
	if now := time.Now(); c.Lease.Owner != "" && c.Lease.Owner != owner && c.Lease.Until.After(now) {
		return es.Checkpoint{}, fmt.Errorf("%w: view %s, partition %d, owner %s", es.ErrLeased, spec.Name, partition, c.Lease.Owner)
	}
	c.Lease = es.Lease{Build: spec.Build(), Partition: partition, Owner: owner, Epoch: c.Lease.Epoch + 1, Until: time.Now().Add(ttl)}
	return *c, nil
}

// Renew implements [es.ViewWriter].
func (s *Views) Renew(_ context.Context, leases []es.Lease, caughtUp []time.Time, ttl time.Duration) ([]es.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make([]es.Lease, 0, len(leases))
	for i, lease := range leases {
		c := s.heldBy(lease)
		if c == nil {
			continue
		}
		c.Lease.Until = time.Now().Add(ttl)
		c.CaughtUp = later(c.CaughtUp, caughtUp[i])
		held = append(held, c.Lease)
	}
	return held, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Release implements [es.ViewWriter].
func (s *Views) Release(_ context.Context, leases []es.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lease := range leases {
		if c := s.heldBy(lease); c != nil {
			c.Lease.Owner, c.Lease.Until = "", time.Now()
		}
	}
	return nil
}

// heldBy returns the checkpoint that the lease still gives the right to write, or nil.
func (s *Views) heldBy(lease es.Lease) *es.Checkpoint {
	v := s.views[lease.View]
	if v == nil {
		return nil
	}
	b := v.find(lease.Build)
	if b == nil || b.state != es.Active && b.state != es.Building {
		return nil
	}
	c := b.checkpoints[lease.Partition]
	if c == nil || c.Lease.Owner != lease.Owner || c.Lease.Epoch != lease.Epoch {
		return nil
	}
	return c
}

// Join implements [es.ViewWriter].
func (s *Views) Join(_ context.Context, kind es.WorkerKind, owner string, ttl time.Duration) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.workers[owner] = worker{kind, now.Add(ttl)}
	living := 0
	for _, w := range s.workers {
		if w.kind == kind && w.until.After(now) {
			living++
		}
	}
	return living, nil
}

// Leave implements [es.ViewWriter].
func (s *Views) Leave(_ context.Context, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.workers, owner)
	return nil
}

// Apply implements [es.ViewWriter].
func (s *Views) Apply(ctx context.Context, spec es.ViewSpec, u es.Update, fold es.FoldFunc) error {
	return s.ApplyTogether(ctx, []es.Application{{View: spec, Update: u, Fold: fold}})
}

// ApplyTogether implements [es.ViewWriter].
func (s *Views) ApplyTogether(ctx context.Context, all []es.Application) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all = slices.SortedFunc(slices.Values(all), es.Application.Compare)
	outcomes := make([]es.Outcome, len(all))
	for i, a := range all {
		c := s.heldBy(a.Update.Lease)
		if c == nil || c.Position != a.Update.From {
			return fmt.Errorf("%s, partition %d: %w", a.View.Build(), a.Update.Lease.Partition, es.ErrFenced)
		}
		current := s.current(s.built(a.View), a.Update.Keys, a.Update.Lanes)
		for before := range i {
			if all[before].View.Build() == a.View.Build() {
				current.Add(outcomes[before])
			}
		}
		var err error
		if outcomes[i], err = a.Fold(current); err != nil {
			return err
		}
	}
	for i, a := range all {
		s.write(s.built(a.View), outcomes[i])
		c := s.heldBy(a.Update.Lease)
		c.Position, c.Mark = a.Update.To, a.Update.Mark
		c.CaughtUp = later(c.CaughtUp, a.Update.CaughtUp)
	}
	return nil
}

// built is a build that is there, since somebody holds a lease of it.
func (s *Views) built(spec es.ViewSpec) *build { return s.views[spec.Name].find(spec.Build()) }

func (s *Views) current(b *build, keys []es.DocumentKey, lanes func() []es.Lane) es.Current {
	current := es.Current{Documents: make(map[es.DocumentKey]json.RawMessage, len(keys)), Waiting: map[es.Lane]bool{}}
	for _, key := range keys {
		if document, ok := b.documents[key]; ok {
			current.Documents[key] = document.Data
		}
	}
	parked := s.parked[b.spec.Build()]
	if len(parked) == 0 || lanes == nil {
		return current
	}
	waiting := map[es.Lane]bool{}
	for _, p := range parked {
		waiting[p.Lane] = true
	}
	for _, lane := range lanes() {
		if waiting[lane] {
			current.Waiting[lane] = true
		}
	}
	return current
}

func (s *Views) write(b *build, outcome es.Outcome) {
	for _, w := range outcome.Writes {
		switch {
		case w.Data == nil:
			delete(b.documents, w.DocumentKey)
		case !bytes.Equal(b.documents[w.DocumentKey].Data, w.Data):
			b.documents[w.DocumentKey] = es.Document{Key: w.Key, Position: w.Position, Data: w.Data}
		}
	}
	for _, p := range outcome.Parked {
		s.park(b.spec.Build(), p)
	}
}

// activeBuild is what readers see.
func (s *Views) activeBuild(name string) (*build, error) {
	v := s.views[name]
	if v == nil || v.active == nil {
		return nil, fmt.Errorf("%w: view %q is not built yet: the projection service builds it", es.ErrUnavailable, name)
	}
	return v.active, nil
}
