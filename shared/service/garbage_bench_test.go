package service

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// node is an object of the live heap with a pointer that the collector follows.
type node struct {
	next *node
	_    [120]byte
}

func liveHeap(bytes int) (first *node) {
	for range bytes / 128 {
		first = &node{next: first}
	}
	return first
}

func gcSeconds() (seconds float64, cycles uint64) {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	return samples[0].Value.Float64() - samples[1].Value.Float64(), samples[2].Value.Uint64()
}

// BenchmarkGarbage compares settings of GOGC for services of two sizes that allocate 60 MiB a second: the CPU time of the
// collector, without that of idle processors, for each MiB allocated, and the size that the heap may reach.
func BenchmarkGarbage(b *testing.B) {
	const mib, rate = 1 << 20, 60 << 20
	for name, size := range map[string]int{"live=15MiB": 15 * mib, "live=400MiB": 400 * mib} {
		b.Run(name, func(b *testing.B) {
			live := liveHeap(size)
			for setting, percent := range map[string]int{"GOGC=100": 100, "GOGC=400": 400, "GOGC=1600": 1600, "paced": 0} {
				b.Run(setting, func(b *testing.B) {
					defer debug.SetGCPercent(debug.SetGCPercent(max(percent, standardPercent)))
					runtime.GC()
					before, cycles := gcSeconds()
					for n := 0; b.Loop(); n++ {
						if live, _ := heap(); percent == 0 && n%(rate/mib) == 0 { // what the service does each second
							debug.SetGCPercent(gcPercent(live, rate))
						}
						for range mib / 2048 {
							garbage = make([]byte, 2048)
						}
					}
					var stats runtime.MemStats
					runtime.ReadMemStats(&stats)
					runtime.GC() // CPU times are counted when a cycle ends
					after, now := gcSeconds()
					b.ReportMetric((after-before)/float64(b.N)*1e6, "gc-cpu-µs/op")
					b.ReportMetric(float64(now-cycles-1)/float64(b.N)*1024, "cycles/GiB")
					b.ReportMetric(float64(stats.NextGC)/mib, "goal-MiB")
				})
			}
			runtime.KeepAlive(live)
		})
	}
}

var garbage []byte
