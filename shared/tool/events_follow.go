package tool

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const readBatch = 256 // commits

// followLog calls visit for the commits of the log: first the existing ones in the order of their time, then, if the selection
// follows, each new one.
func followLog(ctx context.Context, log port.Feed, selection eventSelection, visit func(*core.Commit) error) error {
	starts, err := startPositions(ctx, log, selection)
	if err != nil {
		return err
	}
	ends := make([]core.Position, 0, len(starts))
	var channels []<-chan *core.Commit
	readers, readCtx := errgroup.WithContext(ctx)
	for _, start := range starts {
		head, err := log.Head(ctx, start.Partition)
		if err != nil {
			return err
		}
		ends = append(ends, core.Position{Partition: start.Partition, Sequence: max(start.Sequence, head.Position.Sequence)})
		commits := make(chan *core.Commit, readBatch)
		channels = append(channels, commits)
		readers.Go(func() error { return readUntil(readCtx, log, start, head.Position, commits) })
	}
	err = mergeByTime(channels, visit)
	if err != nil || !selection.follow {
		return errors.Join(err, drain(readers, channels))
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	return followAll(ctx, log, ends, visit)
}

// drain waits for the readers and discards their commits.
func drain(readers *errgroup.Group, channels []<-chan *core.Commit) error {
	for _, c := range channels {
		for range c {
		}
	}
	return readers.Wait()
}

// startPositions returns the position before the first selected commit of each partition.
func startPositions(ctx context.Context, log port.Feed, selection eventSelection) ([]core.Position, error) {
	if p := selection.position; p != nil {
		if _, err := log.Head(ctx, p.Partition); err != nil {
			return nil, err
		}
		return []core.Position{{Partition: p.Partition, Sequence: max(p.Sequence, 1) - 1}}, nil
	}
	starts := make([]core.Position, log.Partitions())
	for i := range starts {
		starts[i].Partition = i
	}
	return starts, nil
}

// readUntil sends the commits after start up to and including end, and closes commits.
func readUntil(ctx context.Context, log port.Feed, start, end core.Position, commits chan<- *core.Commit) error {
	defer close(commits)
	return port.Walk(ctx, log, start, end.Sequence, func(read []core.Commit) error {
		for i := range read {
			select {
			case commits <- &read[i]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}

// mergeByTime visits the commits of several partitions in the order of their time.
func mergeByTime(channels []<-chan *core.Commit, visit func(*core.Commit) error) error {
	next := make([]*core.Commit, len(channels))
	for i, c := range channels {
		next[i] = <-c
	}
	for {
		first := -1
		for i, c := range next {
			if c != nil && (first < 0 || c.Time.Before(next[first].Time)) {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		if err := visit(next[first]); err != nil {
			return err
		}
		next[first] = <-channels[first]
	}
}

// followAll visits new commits, in the order of each partition, until ctx ends.
func followAll(ctx context.Context, log port.Feed, starts []core.Position, visit func(*core.Commit) error) error {
	followers, ctx := errgroup.WithContext(ctx)
	commits := make(chan *core.Commit)
	for _, start := range starts {
		followers.Go(func() error {
			return log.Follow(ctx, start, readBatch, func(ctx context.Context, batch port.Batch) error {
				for i := range batch.Commits {
					select {
					case commits <- &batch.Commits[i]:
					case <-ctx.Done():
						return nil
					}
				}
				return nil
			})
		})
	}
	followers.Go(func() error {
		for {
			select {
			case c := <-commits:
				if err := visit(c); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return followers.Wait()
}
