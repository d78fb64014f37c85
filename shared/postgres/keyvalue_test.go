package postgres_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/postgres"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	estest.KeyValue(t, func(t testing.TB) es.KeyValue {
		kv, err := postgres.OpenKeyValue(t.Context(), connect(t, migrated(t)), "bucket")
		if err != nil {
			t.Fatal(err)
		}
		return kv
	})
}
