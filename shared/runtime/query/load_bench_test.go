package query_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// BenchmarkLoad measures a load on stores in memory: of all commits, and of a snapshot that an executor has saved.
func BenchmarkLoad(b *testing.B) {
	const commits = 100
	log, snapshots := memory.NewLog(1), memory.NewSnapshots()
	x := runtimetest.NewExecutor(b, log, snapshots, command.Config{})
	for n := range commits {
		runtimetest.MustExecute(b, x, runtimetest.AddCommand("a", fmt.Sprint("c", n), 1))
	}
	ended, end := context.WithCancel(b.Context())
	end()
	if err := x.Run(ended); err != nil { // it saves what is in the cache
		b.Fatal(err)
	}
	for name, from := range map[string]port.Snapshots{"commits": nil, "snapshot": snapshots} {
		b.Run(name, func(b *testing.B) {
			queries := query.New(runtimetest.CounterRegistry(b), log, nil, from, slog.Default())
			b.ReportAllocs()
			for b.Loop() {
				state, err := queries.State(b.Context(), runtimetest.CounterStream("a"), query.PointInTime{}, query.Wait{})
				if err != nil || state.Version != commits {
					b.Fatalf("%+v, %v", state, err)
				}
			}
		})
	}
}
