package verify

import (
	"context"
	"sync"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// walk passes every commit to fn, in the order of their times across the partitions. For documents that several partitions
// write, this is the best known approximation of the order in which they were folded.
func (v *verifier) walk(ctx context.Context, fn func(*follower.DecodedCommit)) error {
	ctx, cancel := context.WithCancel(ctx)
	var walking sync.WaitGroup
	defer walking.Wait()
	defer cancel()
	sources := make([]*source, len(v.heads))
	for partition, head := range v.heads {
		s := &source{batches: make(chan sourceBatch)}
		sources[partition] = s
		walking.Go(func() { s.read(ctx, v.log, partition, head.Position.Sequence) })
	}
	for {
		earliest, err := earliestOf(sources)
		if err != nil || earliest == nil {
			return err
		}
		decoded := follower.DecodeCommit(v.registry, earliest.current[0])
		earliest.current = earliest.current[1:]
		fn(&decoded)
		v.done++
		if v.options.Progress != nil && v.done%256 == 0 {
			v.options.Progress(v.done, v.total)
		}
	}
}

// source reads one partition in batches.
type source struct {
	batches chan sourceBatch // closed at the end
	current []core.Commit
	ended   bool
}

type sourceBatch struct {
	commits []core.Commit
	err     error
}

func (s *source) read(ctx context.Context, feed port.Feed, partition int, until uint64) {
	defer close(s.batches)
	send := func(b sourceBatch) error {
		select {
		case s.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := port.Walk(ctx, feed, core.Position{Partition: partition}, until, func(commits []core.Commit) error {
		return send(sourceBatch{commits: commits})
	})
	if err != nil {
		_ = send(sourceBatch{err: err}) // ctx has ended if it is not received
	}
}

// fill waits until the source holds a commit or has ended.
func (s *source) fill() error {
	for len(s.current) == 0 && !s.ended {
		b, more := <-s.batches
		if b.err != nil {
			return b.err
		}
		s.current, s.ended = b.commits, !more
	}
	return nil
}

// earliestOf returns the source whose next commit is the oldest; nil if all have ended.
func earliestOf(sources []*source) (earliest *source, err error) {
	for _, s := range sources {
		if err := s.fill(); err != nil {
			return nil, err
		}
		if len(s.current) > 0 && (earliest == nil || s.current[0].Time.Before(earliest.current[0].Time)) {
			earliest = s
		}
	}
	return earliest, nil
}
