package jetstream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A leader that hears from less than a majority may have been replaced without knowing it.
func TestALeaderIsIsolatedWithoutAMajority(t *testing.T) {
	t.Parallel()
	near, far := &jetstream.PeerInfo{Active: time.Second}, &jetstream.PeerInfo{Active: 4 * time.Second}
	offline := &jetstream.PeerInfo{Active: time.Second, Offline: true}
	for name, c := range map[string]struct {
		cluster  *jetstream.ClusterInfo
		isolated bool
	}{
		"no cluster":        {nil, false},
		"one replica":       {&jetstream.ClusterInfo{}, false},
		"three, all there":  {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, near}}, false},
		"three, one silent": {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, far}}, false},
		"three, alone":      {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{far, offline}}, true},
		"five, with one":    {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, far, far, offline}}, true},
	} {
		if got := isIsolated(c.cluster); got != c.isolated {
			t.Errorf("%s: %v", name, got)
		}
	}
}
