package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// explainResult is the cost of a statement, as explain reports it.
type explainResult struct {
	Plan struct {
		Hit     int `json:"Shared Hit Blocks"`
		Records int `json:"WAL Records"`
		Bytes   int `json:"WAL Bytes"`
	}
	Milliseconds float64 `json:"Execution Time"`
}

// BenchmarkNewDocuments writes new documents alternately by an insert and by an upsert. Blocks and WAL records do not depend
// on other load of the machine; the times are those that Postgres measures, and their ratio is that of adjacent runs.
func BenchmarkNewDocuments(b *testing.B) {
	const rows = 500
	view := core.ViewSpec{Name: "numbers", Version: 1}
	for _, field := range []string{"status", "customer", "total", "placed", "changed"} {
		view.Fields = append(view.Fields, core.Field{Name: field, Kind: core.Text})
	}
	v := NewViews(openSnapshots(b).db)
	if err := v.Prepare(b.Context(), view); err != nil {
		b.Fatal(err)
	}
	insert, upsert := writeStatements(tableName(view.Build()))
	statements := []string{insert, upsert}
	sums := make([]explainResult, len(statements))
	n := 0
	for b.Loop() {
		for i, statement := range statements {
			var changed changedRows
			for range rows {
				n++
				data := fmt.Sprintf(`{"status":"placed","customer":"c-%d","total":"%d","placed":"2026-11-30","changed":"%d","more":%q}`, n*7919%1000, n, n, strings.Repeat("x", 200))
				changed.appendWrite(port.DocumentWrite{
					DocumentKey: port.DocumentKey{Tenant: core.DefaultTenant, Key: fmt.Sprintf("%08x", uint32(n)*2654435761)},
					Position:    core.Position{Sequence: uint64(n)}, Data: json.RawMessage(data),
				})
			}
			var text []byte
			var all []explainResult
			err := v.db.pool.QueryRow(b.Context(), "explain (analyze, buffers, wal, timing off, format json) "+statement,
				changed.tenants, changed.keys, changed.partitions, changed.sequences, changed.data).Scan(&text)
			if err == nil {
				err = json.Unmarshal(text, &all)
			}
			if err != nil || len(all) != 1 {
				b.Fatal(err)
			}
			sums[i].Plan.Hit += all[0].Plan.Hit
			sums[i].Plan.Records += all[0].Plan.Records
			sums[i].Plan.Bytes += all[0].Plan.Bytes
			sums[i].Milliseconds += all[0].Milliseconds
		}
	}
	for i, name := range []string{"insert", "upsert"} {
		each := float64(b.N * rows)
		b.ReportMetric(float64(sums[i].Plan.Hit)/each, name+"-blocks/row")
		b.ReportMetric(float64(sums[i].Plan.Records)/each, name+"-wal-records/row")
		b.ReportMetric(float64(sums[i].Plan.Bytes)/each, name+"-wal-B/row")
		b.ReportMetric(sums[i].Milliseconds*1000/each, name+"-µs/row")
	}
	b.ReportMetric(sums[1].Milliseconds/sums[0].Milliseconds, "time-ratio")
}
