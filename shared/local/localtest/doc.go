// Package localtest starts a NATS server and creates a database for a test.
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
// All tests of a package share one private Postgres, with a new database for each test. The first test that needs it starts
// it. Where DATABASE_URL names a server, the databases are created there instead. Without an installed Postgres it is
// downloaded.
package localtest
