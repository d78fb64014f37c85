package jetstream_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local/localtest"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	estest.KeyValue(t, func(t testing.TB) es.KeyValue {
		kv, err := jetstream.OpenKeyValue(t.Context(), connect(t, localtest.NATS(t).URL()), "bucket", 1)
		if err != nil {
			t.Fatal(err)
		}
		return kv
	})
}
