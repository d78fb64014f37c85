package localtest

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// Dir returns a new directory that is removed when the test ends. Unlike that of t.TempDir, the user that
// runs Postgres for root can enter it: use it where a test calls [local.StartPostgres] itself.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := local.NewTempDir(t.Context())
	if err != nil {
		t.Fatalf("localtest: %v", err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Errorf("localtest: %v", err)
		}
	})
	return dir.Path()
}
