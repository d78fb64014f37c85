package estest_test

import (
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

const (
	year = 365 * 24 * time.Hour
	// maxWakeUps is far above what ten years take that only wait, and far below what one goroutine takes that polls every hour.
	maxWakeUps = 2000
)

// wakeUps returns a share of how often goroutines of this program started to run during a call, as the scheduler samples
// it. Unlike a duration, it does not depend on the load of the machine.
func wakeUps(call func()) (n uint64) {
	count := func() (n uint64) {
		sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
		metrics.Read(sample)
		for _, c := range sample[0].Value.Float64Histogram().Counts {
			n += c
		}
		return n
	}
	before := count()
	call()
	return count() - before
}

// Nothing polls while time passes, so that ten years take no longer than a second. Not parallel: the count is of the whole program.
func TestYearsTakeNoTime(t *testing.T) { //nolint:paralleltest // see above
	p := estest.Platform(t, shop())
	p.Send("1a", Hold{Guest: "Ada"})
	n := wakeUps(func() { p.Pass(10 * year) })
	t.Logf("10 years took %d wake-ups", n)
	if n > maxWakeUps {
		t.Errorf("10 years took %d wake-ups, want at most %d: something polls", n, maxWakeUps)
	}
	estest.ReadNone(p, offers, "1a")
	p.Send("1b", Hold{Guest: "Bob"})
	p.Wait(time.Hour, func() bool { return !estest.State(p, seatDecider, "1b").Held })
}

func TestPollingIsFound(t *testing.T) { //nolint:paralleltest // as above
	n := wakeUps(func() {
		synctest.Test(t, func(*testing.T) {
			for end := time.Now().Add(10 * year); time.Now().Before(end); {
				time.Sleep(time.Hour)
			}
		})
	})
	t.Logf("hourly polls took %d wake-ups", n)
	if n <= maxWakeUps {
		t.Errorf("hourly polls of 10 years took %d wake-ups", n)
	}
}
