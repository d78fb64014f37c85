package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
	"orchestrix/shared/retry"
)

// KeyValue keeps values in a bucket, which is a part of a table.
type KeyValue struct {
	db     *DB
	bucket string
}

var _ port.KeyValue = (*KeyValue)(nil)

// OpenKeyValue opens a bucket of a migrated database, and creates it where it is missing.
func OpenKeyValue(ctx context.Context, db *DB, bucket string) (*KeyValue, error) {
	if err := core.CheckToken("bucket", bucket); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := db.pool.Exec(ctx, "insert into orchestrix.buckets (name) values ($1) on conflict do nothing", bucket)
	return &KeyValue{db: db, bucket: bucket}, translate("open bucket "+bucket, err)
}

const (
	nextRevision = `update orchestrix.buckets set revision = revision + 1 where name = $1 returning revision`

	selectEntry = `
select value, revision from orchestrix.entries
where bucket = $1 and key = $2 and not deleted and (expires_at is null or expires_at > clock_timestamp())`

	putEntry = `
insert into orchestrix.entries (bucket, key, value, revision, deleted, expires_at) values ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval)
on conflict (bucket, key) do update set value = excluded.value, revision = excluded.revision, deleted = excluded.deleted, expires_at = excluded.expires_at`

	selectExpired = `
select key from orchestrix.entries where bucket = $1 and not deleted and expires_at <= clock_timestamp() limit 100`

	selectKeys = `
select key from orchestrix.entries
where bucket = $1 and not deleted and (expires_at is null or expires_at > clock_timestamp())
and ($2 = '' or key = $2 or starts_with(key, $2 || '.')) order by key`

	selectChanges = `
select key, value, revision, deleted from orchestrix.entries
where bucket = $1 and revision > $3 and ($2 = '' or key = $2 or starts_with(key, $2 || '.')) order by revision limit 500`
)

// Get implements [port.KeyValue].
func (k *KeyValue) Get(ctx context.Context, key string) (port.KVEntry, error) {
	if err := port.CheckKVKey(key); err != nil {
		return port.KVEntry{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	e := port.KVEntry{Key: key}
	err := k.db.pool.QueryRow(ctx, selectEntry, k.bucket, key).Scan(&e.Value, &e.Revision)
	if errors.Is(err, pgx.ErrNoRows) {
		return port.KVEntry{}, fmt.Errorf("%w: key %s", core.ErrNotFound, key)
	}
	return e, translate("get key "+key, err)
}

// change gives a key a new revision, after check has seen the one that it has; 0 is none.
func (k *KeyValue) change(ctx context.Context, key string, value []byte, deleted bool, ttl time.Duration, check func(now uint64) (goOn bool, err error)) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, k.db.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, nextRevision, k.bucket).Scan(&revision); err != nil {
			return err
		}
		var now uint64
		var old []byte
		if err := tx.QueryRow(ctx, selectEntry, k.bucket, key).Scan(&old, &now); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		goOn, err := check(now)
		if err != nil || !goOn {
			return err
		}
		var life *time.Duration
		if ttl > 0 {
			life = &ttl
		}
		_, err = tx.Exec(ctx, putEntry, k.bucket, key, value, revision, deleted, life)
		return err
	})
	if errors.Is(err, port.ErrConflict) {
		return 0, err
	}
	return revision, translate("change key "+key, err)
}

func always(uint64) (bool, error) { return true, nil }

func onlyAt(key string, expected uint64) func(uint64) (bool, error) {
	return func(now uint64) (bool, error) {
		if now != expected {
			return false, fmt.Errorf("%w: key %s has revision %d, not %d", port.ErrConflict, key, now, expected)
		}
		return true, nil
	}
}

// Set implements [port.KeyValue].
func (k *KeyValue) Set(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := port.CheckKVEntry(key, value); err != nil {
		return 0, err
	}
	return k.change(ctx, key, value, false, ttl, always)
}

// Update implements [port.KeyValue].
func (k *KeyValue) Update(ctx context.Context, key string, value []byte, expected uint64, ttl time.Duration) (uint64, error) {
	if err := port.CheckKVEntry(key, value); err != nil {
		return 0, err
	}
	return k.change(ctx, key, value, false, ttl, onlyAt(key, expected))
}

// Delete implements [port.KeyValue].
func (k *KeyValue) Delete(ctx context.Context, key string, expected uint64) error {
	if err := port.CheckKVKey(key); err != nil {
		return err
	}
	check := onlyAt(key, expected)
	if expected == 0 {
		check = func(now uint64) (bool, error) { return now != 0, nil }
	}
	_, err := k.change(ctx, key, nil, true, 0, check)
	return err
}

// Keys implements [port.KeyValue].
func (k *KeyValue) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		rows, err := k.db.pool.Query(ctx, selectKeys, k.bucket, prefix)
		if err != nil {
			yield("", translate("list keys", err))
			return
		}
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			yield("", translate("list keys", err))
			return
		}
		for _, key := range keys {
			if !yield(key, nil) {
				return
			}
		}
	}
}

const (
	firstWatchPause = 20 * time.Millisecond
	maxWatchPause   = 250 * time.Millisecond
)

// Watch implements [port.KeyValue]. It looks for changes again and again, and makes deletions of what has reached its end.
func (k *KeyValue) Watch(ctx context.Context, prefix string) iter.Seq2[port.KVEntry, error] {
	return func(yield func(port.KVEntry, error) bool) {
		after, first, pauses := uint64(0), true, retry.Pauses{First: firstWatchPause, Max: maxWatchPause}
		for ctx.Err() == nil {
			news, err := k.news(ctx, prefix, after)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(port.KVEntry{}, err)
				return
			}
			if n := len(news); n > 0 {
				after = news[n-1].Revision
				pauses.Reset()
				if !hand(news, first, yield) {
					return
				}
				continue
			}
			if first && !yield(port.KVEntry{Current: true}, nil) {
				return
			}
			first = false
			pauses.Wait(ctx)
		}
	}
}

// hand yields entries; at first those that are there.
func hand(news []port.KVEntry, first bool, yield func(port.KVEntry, error) bool) bool {
	for _, e := range news {
		if !(first && e.Deleted) && !yield(e, nil) {
			return false
		}
	}
	return true
}

func (k *KeyValue) news(ctx context.Context, prefix string, after uint64) ([]port.KVEntry, error) {
	if err := k.expire(ctx); err != nil {
		return nil, err
	}
	return k.changes(ctx, prefix, after)
}

func (k *KeyValue) changes(ctx context.Context, prefix string, after uint64) ([]port.KVEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	rows, err := k.db.pool.Query(ctx, selectChanges, k.bucket, prefix, after)
	if err != nil {
		return nil, translate("watch keys", err)
	}
	news, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e port.KVEntry, err error) {
		err = row.Scan(&e.Key, &e.Value, &e.Revision, &e.Deleted)
		return e, err
	})
	return news, translate("watch keys", err)
}

// expire makes deletions of what has reached its end, so that watchers see it.
func (k *KeyValue) expire(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	rows, err := k.db.pool.Query(ctx, selectExpired, k.bucket)
	if err != nil {
		return translate("expire keys", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return translate("expire keys", err)
	}
	for _, key := range keys {
		gone := func(now uint64) (bool, error) { return now == 0, nil } // unless it was set again meanwhile
		if _, err := k.change(ctx, key, nil, true, 0, gone); err != nil {
			return err
		}
	}
	return nil
}
