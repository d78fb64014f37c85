package localtest

import (
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// relaxedSync avoids a sync of each write: tests need not survive a power failure.
const relaxedSync = 2 * time.Minute

// NATS starts a server on a free port, with its streams in a directory of the test, and stops it when the test
// ends. A test that restarts a server on its streams calls [local.StartNATS] with a directory of its own.
func NATS(t testing.TB, opts ...func(*local.NATSOptions)) *local.NATS {
	t.Helper()
	o := local.NATSOptions{Dir: t.TempDir(), SyncInterval: relaxedSync}
	for _, opt := range opts {
		opt(&o)
	}
	n, err := local.StartNATS(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("stop NATS: %v", err)
		}
	})
	return n
}
