package observe

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkSeries compares cached series with the lookup of the client library: a counter and a histogram of two labels each,
// as every append has them.
func BenchmarkSeries(b *testing.B) {
	r := prometheus.NewRegistry()
	total, duration := appends.counter(r), appendDuration.histogram(r)
	cached := newSeries(func(k [2]string) appendedSeries {
		return appendedSeries{total.WithLabelValues(k[0], k[1]), duration.WithLabelValues(k[0])}
	})
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				s := cached.of([2]string{"order", "stored"})
				s.total.Inc()
				s.duration.Observe(0.002)
			}
		})
	})
	b.Run("looked up", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				total.WithLabelValues("order", "stored").Inc()
				duration.WithLabelValues("order").Observe(0.002)
			}
		})
	})
}
