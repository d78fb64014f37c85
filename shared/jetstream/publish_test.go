package jetstream

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestDecodeAck(t *testing.T) {
	t.Parallel()
	if ack, err := decodeAck([]byte(`{"stream":"A","domain":"hub","seq":3, "duplicate": true}`)); err != nil || !ack.Duplicate || ack.Sequence != 3 || ack.Domain != "hub" {
		t.Errorf("got %+v, %v", ack, err)
	}
	var refused *jetstream.APIError
	if _, err := decodeAck([]byte(`{"error":{"code":400,"err_code":10071,"description":"no"},"stream":"A","seq":0}`)); !errors.As(err, &refused) || refused.ErrorCode != 10071 {
		t.Errorf("a refusal is read as %v", err)
	}
	for _, answer := range []string{``, `+OK`, `{}`, `{"stream":""}`, `[]`} {
		if _, err := decodeAck([]byte(answer)); !errors.Is(err, jetstream.ErrInvalidJSAck) {
			t.Errorf("%q is read as %v", answer, err)
		}
	}
}

func BenchmarkDecodeAck(b *testing.B) {
	answer := []byte(`{"stream":"ORX_EVENTS_0","seq":1234567}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeAck(answer); err != nil {
			b.Fatal(err)
		}
	}
}
