package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Views keeps views in memory.
type Views struct {
	mu      sync.Mutex
	views   map[string]*view // by name
	workers map[string]worker
	parked  map[core.Build][]*parking // in the order of their ids
	lastID  int64
	actions []core.Action // oldest first
}

type worker struct {
	kind  port.WorkerKind
	until time.Time // the end of its registration
}

// view holds the builds of one view.
type view struct {
	active *build
	builds []*build // oldest first
	paused bool
}

// build is one build of a view.
type build struct {
	spec           core.ViewSpec
	state          port.BuildState
	since, started time.Time
	dropOld        bool
	dropped        bool // a tombstone: the newest build, cancelled and dropped
	documents      map[port.DocumentKey]core.Document
	checkpoints    map[int]*port.Checkpoint // by partition
}

var _ port.ViewStore = (*Views)(nil)

// NewViews returns an empty store.
func NewViews() *Views {
	return &Views{views: map[string]*view{}, workers: map[string]worker{}, parked: map[core.Build][]*parking{}}
}

// Prepare implements [port.ViewWriter].
func (s *Views) Prepare(_ context.Context, spec core.ViewSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[spec.Name]
	if v == nil {
		v = &view{}
		s.views[spec.Name] = v
	}
	b := v.find(spec.Build())
	if b == nil {
		b = v.addBuild(spec)
	}
	b.spec = spec
	if v.active == nil {
		v.active = b
		b.setState(port.Active)
	}
	return nil
}

func (v *view) addBuild(spec core.ViewSpec) *build {
	now := time.Now()
	b := &build{
		spec: spec, state: port.Building, since: now, started: now,
		documents: map[port.DocumentKey]core.Document{}, checkpoints: map[int]*port.Checkpoint{},
	}
	v.builds = append(v.builds, b)
	return b
}

func (v *view) find(wanted core.Build) *build {
	for _, b := range v.builds {
		if b.spec.Build() == wanted {
			return b
		}
	}
	return nil
}

func (b *build) setState(state port.BuildState) { b.state, b.since = state, time.Now() }

// findMaintained returns a build that is active or being built.
func (s *Views) findMaintained(spec core.ViewSpec) (*view, *build, error) {
	if v := s.views[spec.Name]; v != nil {
		if b := v.find(spec.Build()); b != nil && (b.state == port.Active || b.state == port.Building) {
			return v, b, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: %s is not prepared", port.ErrUnavailable, spec.Build())
}

// Claim implements [port.ViewWriter].
func (s *Views) Claim(_ context.Context, spec core.ViewSpec, partition int, owner string, ttl time.Duration) (port.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, b, err := s.findMaintained(spec)
	if err != nil {
		return port.Checkpoint{}, err
	}
	c := b.checkpoints[partition]
	if c == nil {
		c = &port.Checkpoint{Build: spec.Build(), Position: core.Position{Partition: partition}}
		b.checkpoints[partition] = c
	}
	if v.paused {
		return port.Checkpoint{}, fmt.Errorf("%w: view %s is paused", port.ErrLeased, spec.Name)
	}
	if now := time.Now(); c.Lease.Owner != "" && c.Lease.Owner != owner && c.Lease.Until.After(now) {
		return port.Checkpoint{}, fmt.Errorf("%w: view %s, partition %d, owner %s", port.ErrLeased, spec.Name, partition, c.Lease.Owner)
	}
	c.Lease = port.Lease{Build: spec.Build(), Partition: partition, Owner: owner, Epoch: c.Lease.Epoch + 1, Until: time.Now().Add(ttl)}
	return *c, nil
}

// Renew implements [port.ViewWriter].
func (s *Views) Renew(_ context.Context, leases []port.Lease, caughtUp []time.Time, ttl time.Duration) ([]port.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make([]port.Lease, 0, len(leases))
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

// Release implements [port.ViewWriter].
func (s *Views) Release(_ context.Context, leases []port.Lease) error {
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
func (s *Views) heldBy(lease port.Lease) *port.Checkpoint {
	v := s.views[lease.View]
	if v == nil {
		return nil
	}
	b := v.find(lease.Build)
	if b == nil || b.state != port.Active && b.state != port.Building {
		return nil
	}
	c := b.checkpoints[lease.Partition]
	if c == nil || c.Lease.Owner != lease.Owner || c.Lease.Epoch != lease.Epoch {
		return nil
	}
	return c
}

// Join implements [port.ViewWriter].
func (s *Views) Join(_ context.Context, kind port.WorkerKind, owner string, ttl time.Duration) (int, error) {
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

// Leave implements [port.ViewWriter].
func (s *Views) Leave(_ context.Context, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.workers, owner)
	return nil
}

// Apply implements [port.ViewWriter].
func (s *Views) Apply(ctx context.Context, spec core.ViewSpec, u port.Update, fold port.FoldFunc) error {
	return s.ApplyTogether(ctx, []port.ProjectionUpdate{{View: spec, Update: u, Fold: fold}})
}

// ApplyTogether implements [port.ViewWriter].
func (s *Views) ApplyTogether(ctx context.Context, all []port.ProjectionUpdate) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", port.ErrUnavailable, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all = slices.SortedFunc(slices.Values(all), port.ProjectionUpdate.Compare)
	results := make([]port.FoldResult, len(all))
	for i, a := range all {
		c := s.heldBy(a.Update.Lease)
		if c == nil || c.Position != a.Update.From {
			return fmt.Errorf("%s, partition %d: %w", a.View.Build(), a.Update.Lease.Partition, port.ErrFenced)
		}
		current := s.readCurrent(s.leasedBuild(a.View), a.Update.Keys, a.Update.Lanes)
		for before := range i {
			if all[before].View.Build() == a.View.Build() {
				current.Add(results[before])
			}
		}
		var err error
		if results[i], err = a.Fold(current); err != nil {
			return err
		}
	}
	for i, a := range all {
		s.writeResult(s.leasedBuild(a.View), results[i])
		c := s.heldBy(a.Update.Lease)
		c.Position, c.Mark = a.Update.To, a.Update.Mark
		c.CaughtUp = later(c.CaughtUp, a.Update.CaughtUp)
	}
	return nil
}

// leasedBuild returns the build of a spec. The build exists, since the caller has checked a lease of it.
func (s *Views) leasedBuild(spec core.ViewSpec) *build { return s.views[spec.Name].find(spec.Build()) }

// readCurrent returns the state that a fold needs: the documents of these keys, and which of the lanes have parked events.
func (s *Views) readCurrent(b *build, keys []port.DocumentKey, lanes func() []port.Lane) port.FoldInput {
	current := port.FoldInput{Documents: make(map[port.DocumentKey]json.RawMessage, len(keys)), Waiting: map[port.Lane]bool{}}
	for _, key := range keys {
		if document, ok := b.documents[key]; ok {
			current.Documents[key] = document.Data
		}
	}
	parked := s.parked[b.spec.Build()]
	if len(parked) == 0 || lanes == nil {
		return current
	}
	occupied := map[port.Lane]bool{}
	for _, p := range parked {
		occupied[p.Lane] = true
	}
	for _, lane := range lanes() {
		if occupied[lane] {
			current.Waiting[lane] = true
		}
	}
	return current
}

func (s *Views) writeResult(b *build, result port.FoldResult) {
	for _, w := range result.Writes {
		switch {
		case w.Data == nil:
			delete(b.documents, w.DocumentKey)
		case !bytes.Equal(b.documents[w.DocumentKey].Data, w.Data):
			b.documents[w.DocumentKey] = core.Document{Key: w.Key, Position: w.Position, Data: w.Data}
		}
	}
	for _, p := range result.Parked {
		s.park(b.spec.Build(), p)
	}
}

// activeBuild returns the build that readers see, or [*port.NotBuiltError].
func (s *Views) activeBuild(name string) (*build, error) {
	v := s.views[name]
	if v == nil || v.active == nil {
		return nil, &port.NotBuiltError{View: name}
	}
	return v.active, nil
}
