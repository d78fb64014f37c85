package service

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// maxGarbage bounds the uncollected memory of a busy service with a small heap. With the default of GOGC such a heap
	// would be marked several times a second, and each time the requests in flight compete for the processors.
	maxGarbage = 256 << 20
	// garbageTime is the intended time between two collections, within maxGarbage.
	garbageTime = 8 * time.Second

	paceInterval    = time.Second
	standardPercent = 100 // of GOGC
)

// paceGarbage adapts GOGC to the allocation rate of the service until ctx ends. An idle service keeps the default, so it needs
// no more memory; GOMEMLIMIT is respected. Where GOGC is set, paceGarbage does nothing.
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

// gcPercent returns the value of GOGC for a live heap and the bytes allocated in a paceInterval.
func gcPercent(live, allocated uint64) int {
	live = max(live, 1<<20)
	garbage := min(allocated*uint64(garbageTime/paceInterval), maxGarbage)
	return int(max(standardPercent, standardPercent*garbage/live))
}

// heap returns the live bytes after the last collection, and the bytes allocated since the program started.
func heap() (live, allocated uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
