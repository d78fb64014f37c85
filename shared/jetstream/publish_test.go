package jetstream

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

// Where scanAck reads an acknowledgement, encoding/json reads the same.
func FuzzScanAck(f *testing.F) {
	for _, answer := range []string{
		`{"stream":"ORX_EVENTS_0","seq":17}`, `{"stream":"A","domain":"hub","seq":1}`, `{"stream":"A","seq":1,"duplicate": true}`,
		`{"stream":"","seq":1}`, `{"stream":"A","seq":01}`, `{"stream":"A","seq":+1}`, `{"stream":"A","seq":18446744073709551616}`,
		`{"error":{"code":400,"err_code":10071,"description":"no"},"stream":"A","seq":0}`, `+OK`, ``,
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		sequence, ok := scanAck(answer)
		if !ok {
			return
		}
		if ack, err := decodeAck(answer); err != nil || ack.Sequence != sequence || ack.Duplicate {
			t.Errorf("%s is scanned as %d, and read as %+v, %v", answer, sequence, ack, err)
		}
	})
}

// The server answers in the form that scanAck reads.
func TestScanAckReadsTheServersAnswer(t *testing.T) {
	t.Parallel()
	conn := newInboxes(t).conn
	log, err := Open(t.Context(), conn, Config{Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := conn.RequestWithContext(t.Context(), log.locate(es.Stream{Tenant: "default", Category: "thing", ID: "a"}).subject, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sequence, ok := scanAck(answer.Data); !ok || sequence != 1 {
		t.Errorf("%s is scanned as %d, %v", answer.Data, sequence, ok)
	}
}

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

// BenchmarkAck compares the two ways to read the usual answer: see decision 0029.
func BenchmarkAck(b *testing.B) {
	answer := []byte(`{"stream":"ORX_EVENTS_0","seq":1234567}`)
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := scanAck(answer); !ok {
				b.Fatal("not scanned")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeAck(answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
