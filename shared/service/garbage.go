package service

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// mostGarbage is how much memory a busy service may leave uncollected even where it holds little: a small heap that
	// allocates fast would be marked several times a second, and each time the requests in flight wait for the processors.
	mostGarbage = 256 << 20
	// garbageTime is how much allocation should lie between two collections, as long as mostGarbage allows it.
	garbageTime = 8 * time.Second

	paceInterval    = time.Second
	standardPercent = 100 // of GOGC
)

// paceGarbage adapts the garbage collector to how fast the service allocates, until ctx ends. An idle service stays as
// small as without it; GOMEMLIMIT holds in any case. Where GOGC is set, it does nothing.
func paceGarbage(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	defer debug.SetGCPercent(standardPercent)
	tick := time.NewTicker(paceInterval)
	defer tick.Stop()
	current := standardPercent
	_, before := heap()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		live, allocated := heap()
		if next := gcPercent(live, allocated-before); next > current*5/4 || next < current*3/4 {
			debug.SetGCPercent(next)
			current = next
		}
		before = allocated
	}
}

// gcPercent is how much garbage, in percent of the live heap, may gather where so many bytes are allocated in a
// paceInterval.
func gcPercent(live, allocated uint64) int {
	live = max(live, 1<<20)
	garbage := min(allocated*uint64(garbageTime/paceInterval), mostGarbage)
	return int(max(standardPercent, standardPercent*garbage/live))
}

// heap returns the bytes that the last collection found live, and those allocated since the program started.
func heap() (live, allocated uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
