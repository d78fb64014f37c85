package postgres

import (
	"bytes"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/port"
)

// changedRows are the documents to write, by column.
type changedRows struct {
	tenants, keys []string
	partitions    []int
	sequences     []int64
	data          [][]byte
}

func (r *changedRows) add(w port.DocumentWrite) {
	r.tenants = append(r.tenants, w.Tenant)
	r.keys = append(r.keys, w.Key)
	r.partitions = append(r.partitions, w.Position.Partition)
	r.sequences = append(r.sequences, int64(w.Position.Sequence))
	r.data = append(r.data, w.Data)
}

func (r *changedRows) queue(batch *pgx.Batch, statement string) {
	if len(r.keys) > 0 {
		batch.Queue(statement, r.tenants, r.keys, r.partitions, r.sequences, r.data)
	}
}

// queueWrites queues what a fold leaves behind. A document that was not found is inserted, which costs Postgres less than
// looking for it first. Nobody but the holder of the lease could have written it meanwhile: it can only be there where
// somebody has moved a checkpoint back by hand. The transaction then fails, and is done again with overwrite.
func (b *build) queueWrites(batch *pgx.Batch, outcome port.FoldResult, overwrite bool) {
	added, changed, gone := sortOut(b.found.Documents, outcome.Writes)
	if b.view.Shared {
		gone = append(gone, unusedRows(b.keys, b.found.Documents, added)...)
	}
	table := tableName(b.view.Build())
	insert, upsert := writeStatements(table)
	if overwrite || b.view.Shared { // a new document of a shared view has a row already, which locks its key
		insert = upsert
	}
	added.queue(batch, insert)
	changed.queue(batch, upsert)
	if len(gone) > 0 {
		tenants, keys := columns(gone)
		batch.Queue("delete from "+table+` d using unnest($1::text[], $2::text[]) as gone (tenant, key)
where d.tenant = gone.tenant collate "C" and d.key = gone.key collate "C"`, tenants, keys)
	}
	for _, p := range outcome.Parked { // rare enough
		queueParking(batch, b.view.Build(), p)
	}
}

// writeStatements take the columns of [changedRows].
func writeStatements(table string) (insert, upsert string) {
	insert = "insert into " + table + ` (tenant, key, partition, sequence, data)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::json[])`
	upsert = insert + `
on conflict (tenant, key) do update set partition = excluded.partition, sequence = excluded.sequence, data = excluded.data`
	return insert, upsert
}

// sortOut leaves out what is as it was: a row that is not written costs nothing.
func sortOut(current map[port.DocumentKey]json.RawMessage, writes []port.DocumentWrite) (added, changed changedRows, gone []port.DocumentKey) {
	for _, w := range writes {
		before, existed := current[w.DocumentKey]
		switch {
		case w.Data == nil && existed:
			gone = append(gone, w.DocumentKey)
		case w.Data != nil && !existed:
			added.add(w)
		case w.Data != nil && !bytes.Equal(before, w.Data):
			changed.add(w)
		}
	}
	return added, changed, gone
}

// unusedRows are those that were made to lock a key for which nothing was written.
func unusedRows(keys []port.DocumentKey, current map[port.DocumentKey]json.RawMessage, added changedRows) (unused []port.DocumentKey) {
	written := make(map[port.DocumentKey]bool, len(added.keys))
	for i, key := range added.keys {
		written[port.DocumentKey{Tenant: added.tenants[i], Key: key}] = true
	}
	for _, key := range keys {
		if _, existed := current[key]; !existed && !written[key] {
			unused = append(unused, key)
		}
	}
	return unused
}
