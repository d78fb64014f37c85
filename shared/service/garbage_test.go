package service

import (
	"context"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbageIsBounded(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		live, allocated uint64
		want            int
	}{
		"idle":                     {8 * mib, mib / 10, 100},
		"before the first cycle":   {0, 0, 100},
		"busy and small":           {16 * mib, 100 * mib, 1600}, // limited by maxGarbage
		"not so busy":              {10 * mib, 10 * mib, 800},   // the allocations of garbageTime
		"busy, with a large cache": {400 * mib, 1000 * mib, 100},
	} {
		if got := gcPercent(c.live, c.allocated); got != c.want {
			t.Errorf("%s: %d percent, want %d", name, got, c.want)
		}
	}
}

func TestThePaceOfGarbageFollowsTheLoad(t *testing.T) {
	t.Setenv("GOGC", "")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- paceGarbage(ctx) }()
	percent := func() int { // the runtime has no function that only reads it
		p := debug.SetGCPercent(standardPercent)
		debug.SetGCPercent(p)
		return p
	}
	var kept [][]byte
	for deadline := time.Now().Add(time.Minute); percent() == standardPercent; {
		if time.Now().After(deadline) {
			t.Fatal("allocating fast did not change the pace")
		}
		kept = append(kept[:0], make([]byte, 1<<20))
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil || percent() != standardPercent {
		t.Errorf("ended with %v, GOGC is %d", err, percent())
	}
	_ = kept
}
