package runtime_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/memory"
	"orchestrix/shared/runtime"
)

// BenchmarkLoad is what a load costs besides the log and the store of snapshots: one of all commits, and one of a snapshot
// that the executor has left there on its way out.
func BenchmarkLoad(b *testing.B) {
	const commits = 100
	log, snapshots := memory.NewLog(1), memory.NewSnapshots()
	x := newExecutor(b, log, snapshots, runtime.ExecutorConfig{})
	for n := range commits {
		mustExecute(b, x, addCommand("a", fmt.Sprint("c", n), 1))
	}
	ended, end := context.WithCancel(b.Context())
	end()
	if err := x.Run(ended); err != nil { // it saves what is in the cache
		b.Fatal(err)
	}
	for name, from := range map[string]es.Snapshots{"commits": nil, "snapshot": snapshots} {
		b.Run(name, func(b *testing.B) {
			queries := runtime.NewQueries(counterRegistry(b), log, nil, from, slog.Default())
			b.ReportAllocs()
			for b.Loop() {
				state, err := queries.State(b.Context(), counterStream("a"), runtime.Moment{}, runtime.Wait{})
				if err != nil || state.Version != commits {
					b.Fatalf("%+v, %v", state, err)
				}
			}
		})
	}
}
