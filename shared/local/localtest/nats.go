// Package localtest gives tests a NATS server of their own and a database of their own.
//
//	func TestMain(m *testing.M) { localtest.Main(m) }
//
//	func TestOrders(t *testing.T) {
//		t.Parallel()
//		url := localtest.NATS(t).URL()
//		dsn := localtest.Template(t, "schema", migrate)
//		…
//	}
//
// All tests of a package share one private Postgres, with a fresh database for each test. It is started when the
// first test asks for it. Where DATABASE_URL names a server, the databases are made there instead. It runs
// without an installed Postgres only if one can be downloaded.
package localtest

import (
	"testing"
	"time"

	"orchestrix/shared/local"
)

// relaxedSync spares tests the fsync of each write; they lose no power.
const relaxedSync = 2 * time.Minute

// NATS starts a server on a free port, with its streams in a directory of the test, and stops it when the test
// ends. To restart one on its streams, start it with [local.StartNATS] on a directory that you choose.
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
