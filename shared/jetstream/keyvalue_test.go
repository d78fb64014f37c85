package jetstream_test

import (
	"fmt"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	porttest.KeyValue(t, func(t testing.TB) port.KeyValue {
		kv, err := jetstream.OpenKeyValue(t.Context(), connect(t, localtest.NATS(t).URL()), jetstream.Config{}, "bucket")
		if err != nil {
			t.Fatal(err)
		}
		return kv
	})
}

func TestTheSizeOfABucket(t *testing.T) {
	t.Parallel()
	kv, err := jetstream.OpenKeyValue(t.Context(), connect(t, localtest.NATS(t).URL()), jetstream.Config{}, "bucket")
	if err != nil {
		t.Fatal(err)
	}
	const value = 10_000
	for n := range uint64(3) {
		size, err := kv.Size(t.Context())
		if err != nil || size < n*value || size > n*value+1000 {
			t.Errorf("with %d values the size is %d bytes, %v", n, size, err)
		}
		if _, err := kv.Set(t.Context(), fmt.Sprint("key", n), make([]byte, value), 0); err != nil {
			t.Fatal(err)
		}
	}
}
