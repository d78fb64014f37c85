package postgres_test

import (
	"testing"

	"orchestrix/shared/port"
	"orchestrix/shared/port/porttest"
	"orchestrix/shared/postgres"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	porttest.KeyValue(t, func(t testing.TB) port.KeyValue {
		kv, err := postgres.OpenKeyValue(t.Context(), connect(t, migrated(t)), "bucket")
		if err != nil {
			t.Fatal(err)
		}
		return kv
	})
}
