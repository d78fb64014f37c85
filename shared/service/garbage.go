package service

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// maxGarbage is the maximum of uncollected memory of a busy service, even if its heap is small: a small heap that
	// allocates fast would be marked several times a second, and each time the requests in flight wait for the processors.
	maxGarbage = 256 << 20
	// garbageTime is the aim for the time between two collections, as far as maxGarbage allows it.
	garbageTime = 8 * time.Second

	paceInterval    = time.Second
	standardPercent = 100 // of GOGC
)

// paceGarbage adapts the garbage collector to the allocation rate of the service, until ctx ends. An idle service stays as
// small as without it; GOMEMLIMIT holds in any case. If GOGC is set, paceGarbage does nothing.
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

// gcPercent returns the value of GOGC for a live heap and the bytes allocated in the last paceInterval.
func gcPercent(live, allocated uint64) int {
	live = max(live, 1<<20)
	garbage := min(allocated*uint64(garbageTime/paceInterval), maxGarbage)
	return int(max(standardPercent, standardPercent*garbage/live))
}

// heap returns the live bytes of the last collection, and the bytes allocated since the program started.
func heap() (live, allocated uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
