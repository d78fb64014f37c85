package jetstream

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

// What the scan takes for an acknowledgement, encoding/json takes for the same.
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
		if ack, err := readAck(answer); err != nil || ack.Sequence != sequence || ack.Duplicate {
			t.Errorf("%s is scanned as %d, and read as %+v, %v", answer, sequence, ack, err)
		}
	})
}

// What the server answers is in the form that the scan knows.
func TestTheServersAnswerIsScanned(t *testing.T) {
	t.Parallel()
	conn := newInboxes(t).conn
	log, err := Open(t.Context(), conn, Config{Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := conn.RequestWithContext(t.Context(), log.subjectOf(es.Stream{Tenant: "default", Category: "thing", ID: "a"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sequence, ok := scanAck(answer.Data); !ok || sequence != 1 {
		t.Errorf("%s is scanned as %d, %v", answer.Data, sequence, ok)
	}
}

func TestReadAck(t *testing.T) {
	t.Parallel()
	if ack, err := readAck([]byte(`{"stream":"A","domain":"hub","seq":3, "duplicate": true}`)); err != nil || !ack.Duplicate || ack.Sequence != 3 || ack.Domain != "hub" {
		t.Errorf("got %+v, %v", ack, err)
	}
	var refused *jetstream.APIError
	if _, err := readAck([]byte(`{"error":{"code":400,"err_code":10071,"description":"no"},"stream":"A","seq":0}`)); !errors.As(err, &refused) || refused.ErrorCode != 10071 {
		t.Errorf("a refusal is read as %v", err)
	}
	for _, answer := range []string{``, `+OK`, `{}`, `{"stream":""}`, `[]`} {
		if _, err := readAck([]byte(answer)); !errors.Is(err, jetstream.ErrInvalidJSAck) {
			t.Errorf("%q is read as %v", answer, err)
		}
	}
}
