package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

const (
	commitColumns = `c.partition, c.sequence, c.tenant, c.category, c.stream, c.version, c.command_id, c.command_hash, c.traceparent, c.tracestate,
	c.sender, c.principal, c.actor, c.via, c.key_id, c.previous, c.body`

	selectLast = `select ` + commitColumns + ` from orchestrix.log_commits c
where tenant = $1 and category = $2 and stream = $3 order by first_version desc limit 1`

	selectSince = `select ` + commitColumns + ` from orchestrix.log_commits c
where tenant = $1 and category = $2 and stream = $3 and version > $4 and first_version <= $5 order by first_version limit $6`

	selectAfter = `select ` + commitColumns + `, p.head from orchestrix.log_partitions p
join orchestrix.log_commits c on c.partition = p.partition
where p.partition = $1 and c.sequence > $2 order by c.sequence limit $3`
)

// scanCommit reads a commit. A body that can't be decoded is reported in the commit's Err.
func scanCommit(row pgx.CollectableRow, more ...any) (c core.Commit, err error) {
	var previous []int64
	var body []byte
	var version core.Version
	var id string
	columns := []any{
		&c.Position.Partition, &c.Position.Sequence, &c.Stream.Tenant, &c.Stream.Category, &c.Stream.ID, &version,
		&id, &c.Command.Hash, &c.Trace.Parent, &c.Trace.State,
		&c.Origin.Sender, &c.Origin.Principal, &c.Origin.Actor, &c.Origin.Via, &c.Origin.KeyID, &previous, &body,
	}
	if err := row.Scan(append(columns, more...)...); err != nil {
		return c, err
	}
	for _, p := range previous {
		c.Previous = append(c.Previous, uint64(p))
	}
	if err := cloudevents.Decode(body, &c); err != nil {
		return core.Commit{Stream: c.Stream, Position: c.Position, Err: fmt.Errorf("%s: %w", c.Position, err)}, nil
	}
	if c.Version != version || c.Command.ID != id {
		err := fmt.Errorf("%s: %w: %s: the row says version %d of command %s, the body %d of %s", c.Position, core.ErrCorrupt, c.Stream, version, id, c.Version, c.Command.ID)
		return core.Commit{Stream: c.Stream, Position: c.Position, Err: err}, nil
	}
	return c, nil
}

// Last implements [port.Reader].
func (l *Log) Last(ctx context.Context, s core.Stream) (core.Commit, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	what := "read the end of " + s.String()
	rows, err := l.db.pool.Query(ctx, selectLast, s.Tenant, s.Category, s.ID)
	if err != nil {
		return core.Commit{}, translate(what, err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (core.Commit, error) { return scanCommit(row) })
	if errors.Is(err, pgx.ErrNoRows) {
		return core.Commit{}, fmt.Errorf("%w: %s", port.ErrNoStream, s)
	}
	if err != nil {
		return core.Commit{}, translate(what, err)
	}
	return c, c.Err
}

// LastConfirmed implements [port.Reader]. There is only one server, so every read is confirmed.
func (l *Log) LastConfirmed(ctx context.Context, s core.Stream) (core.Commit, error) {
	return l.Last(ctx, s)
}

const versionsBatch = 500 // commits in one round trip

// Since implements [port.Reader].
func (l *Log) Since(ctx context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		for after < last.Version {
			commits, err := l.readVersions(ctx, last.Stream, after, last.Version)
			if err != nil {
				yield(core.Commit{}, err)
				return
			}
			for _, c := range commits {
				if err := checkContiguous(c, after); err != nil {
					yield(core.Commit{}, err)
					return
				}
				if !yield(c, nil) {
					return
				}
				after = c.Version
			}
			if len(commits) == 0 {
				yield(core.Commit{}, fmt.Errorf("%w: %s ends at version %d, not %d", core.ErrCorrupt, last.Stream, after, last.Version))
				return
			}
		}
	}
}

func checkContiguous(c core.Commit, after core.Version) error {
	if c.Err != nil {
		return c.Err
	}
	if c.First() > after+1 {
		return fmt.Errorf("%w: %s has no version %d", core.ErrCorrupt, c.Stream, after+1)
	}
	return nil
}

func (l *Log) readVersions(ctx context.Context, s core.Stream, after, until core.Version) ([]core.Commit, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	what := "read " + s.String()
	rows, err := l.db.pool.Query(ctx, selectSince, s.Tenant, s.Category, s.ID, after, until, versionsBatch)
	if err != nil {
		return nil, translate(what, err)
	}
	commits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (core.Commit, error) { return scanCommit(row) })
	return commits, translate(what, err)
}

// Head implements [port.Feed].
func (l *Log) Head(ctx context.Context, partition int) (port.Head, error) {
	if err := l.checkPartition(partition); err != nil {
		return port.Head{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	head := port.Head{Position: core.Position{Partition: partition}}
	var written *time.Time
	err := l.db.pool.QueryRow(ctx, "select head, head_at, created, restoring <> '' from orchestrix.log_partitions where partition = $1", partition).
		Scan(&head.Position.Sequence, &written, &head.Created, &head.Restoring)
	head.Time = utc(written)
	return head, translate("read the end of the log", err)
}

// Pauses between two reads of a partition without new commits.
const (
	firstFollowPause = 2 * time.Millisecond
	maxFollowPause   = 25 * time.Millisecond
)

// Follow implements [port.Feed]. It polls. Sequences become visible in their order, so it can't miss a commit.
func (l *Log) Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, port.Batch) error) error {
	if err := l.checkPartition(after.Partition); err != nil {
		return err
	}
	pauses := retry.Pauses{First: firstFollowPause, Max: maxFollowPause}
	for ctx.Err() == nil {
		b, err := l.readBatch(ctx, after, max(maxBatch, 1))
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if len(b.Commits) == 0 {
			pauses.Wait(ctx)
			continue
		}
		pauses.Reset()
		if err := handle(ctx, b); err != nil {
			return err
		}
		after = b.Commits[len(b.Commits)-1].Position
	}
	return nil
}

func (l *Log) readBatch(ctx context.Context, after core.Position, limit int) (b port.Batch, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	what := "follow the log"
	rows, err := l.db.pool.Query(ctx, selectAfter, after.Partition, after.Sequence, limit)
	if err != nil {
		return b, translate(what, err)
	}
	var head uint64
	b.Commits, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (core.Commit, error) { return scanCommit(row, &head) })
	if err != nil {
		return b, translate(what, err)
	}
	if n := len(b.Commits); n > 0 {
		b.Pending = head - b.Commits[n-1].Position.Sequence
	}
	return b, nil
}
