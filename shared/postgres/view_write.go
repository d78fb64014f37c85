package postgres

import (
	"bytes"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// changedRows are documents to write, as columns for unnest.
type changedRows struct {
	tenants, keys []string
	partitions    []int
	sequences     []int64
	data          [][]byte
}

func (r *changedRows) appendWrite(w port.DocumentWrite) {
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

// queueWrites queues the writes of a fold. A document that was not found is inserted without "on conflict", which costs
// Postgres less. Only the holder of the lease writes documents, so the insert fails only where an operator moved a
// checkpoint back by hand; the caller then retries the transaction with overwrite.
func (b *build) queueWrites(batch *pgx.Batch, result port.FoldResult, overwrite bool) {
	added, changed, gone := diffWrites(b.found.Documents, result.Writes)
	if b.view.Shared {
		gone = append(gone, unusedRows(b.keys, b.found.Documents, added)...)
	}
	table := tableName(b.view.Build())
	insert, upsert := writeStatements(table)
	if overwrite || b.view.Shared { // the key of a new document of a shared view is locked by an empty row
		insert = upsert
	}
	added.queue(batch, insert)
	changed.queue(batch, upsert)
	if len(gone) > 0 {
		tenants, keys := keyColumns(gone)
		batch.Queue("delete from "+table+` d using unnest($1::text[], $2::text[]) as gone (tenant, key)
where d.tenant = gone.tenant collate "C" and d.key = gone.key collate "C"`, tenants, keys)
	}
	for _, p := range result.Parked { // rare, so one statement each
		queueParking(batch, b.view.Build(), p)
	}
}

// writeStatements returns two statements that take the columns of [changedRows].
func writeStatements(table string) (insert, upsert string) {
	insert = "insert into " + table + ` (tenant, key, partition, sequence, data)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::json[])`
	upsert = insert + `
on conflict (tenant, key) do update set partition = excluded.partition, sequence = excluded.sequence, data = excluded.data`
	return insert, upsert
}

// diffWrites splits the writes into new, changed and deleted documents, and drops those that change nothing.
func diffWrites(current map[port.DocumentKey]json.RawMessage, writes []port.DocumentWrite) (added, changed changedRows, gone []port.DocumentKey) {
	for _, w := range writes {
		before, existed := current[w.DocumentKey]
		switch {
		case w.Data == nil && existed:
			gone = append(gone, w.DocumentKey)
		case w.Data != nil && !existed:
			added.appendWrite(w)
		case w.Data != nil && !bytes.Equal(before, w.Data):
			changed.appendWrite(w)
		}
	}
	return added, changed, gone
}

// unusedRows returns the keys whose empty row only locked the key: the fold wrote no document there.
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
