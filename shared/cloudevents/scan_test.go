package cloudevents

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"

	"github.com/google/go-cmp/cmp"
)

func scannedCommit() *core.Commit {
	return &core.Commit{
		Stream: core.Stream{Tenant: "default", Category: "order", ID: "10248"}, Version: 3, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC),
		Command: core.CommandRef{ID: "c-1"}, CorrelationID: "r-1", CausationID: "c-1",
		Events: []core.Recorded{
			{Type: "ordering.OrderPlaced", Schema: 2, Data: json.RawMessage(`{"name":"<ü> & \"co\"","lines":[{"a":1},{"a":[]}]}`)},
			{Type: "ordering.OrderShipped", Schema: 1, Data: json.RawMessage(`{}`)},
		},
	}
}

// Encode writes the same bytes as encoding/json, for any texts.
func TestEventsWrittenByHand(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "c-1", "ü", `"`, `\`, "a\nb", "\x7f", "\u2028", "<&>", "\xff"} {
		for _, data := range []string{`{}`, ` { "a" : [ 1 , "x y" ] } `, `"\" x"`, `null`, `{"a":"\\"}`} {
			c := scannedCommit()
			c.Command.ID, c.CorrelationID, c.Events[0].Type = text, text, "m."+text
			c.Events[1].Data = json.RawMessage(data)
			want, err := core.Marshal(EventsOf(c))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Encode(c)
			if d := cmp.Diff(string(want), string(got)); err != nil || d != "" {
				t.Errorf("%q, %q: %v (- encoding/json, + by hand)\n%s", text, data, err, d)
			}
		}
	}
}

func TestWhatIsWrittenIsScanned(t *testing.T) {
	t.Parallel()
	body, err := Encode(scannedCommit())
	if err != nil {
		t.Fatal(err)
	}
	got := &core.Commit{Stream: scannedCommit().Stream}
	if !scanCommit(body, got) {
		t.Fatal("it is not")
	}
	if d := cmp.Diff(scannedCommit(), got); d != "" {
		t.Errorf("(- written, + scanned)\n%s", d)
	}
}

// What the scan takes, encoding/json takes for the same.
func FuzzScanEvents(f *testing.F) {
	body, err := Encode(scannedCommit())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	for _, cut := range []int{1, 10, 100} {
		f.Add(body[:len(body)-cut])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := core.Commit{Stream: scannedCommit().Stream}
		got, want := before, before
		if !scanCommit(body, &got) {
			if d := cmp.Diff(before, got); d != "" {
				t.Errorf("it was not taken, and has left something behind (- before, + after)\n%s", d)
			}
			return
		}
		if err := decodeJSON(body, &want); err != nil {
			t.Fatalf("encoding/json says %v", err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(- encoding/json, + scan)\n%s", d)
		}
	})
}

func BenchmarkEncodeEvents(b *testing.B) {
	c := scannedCommit()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEvents(b *testing.B) {
	body, err := Encode(scannedCommit())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c := core.Commit{Stream: core.Stream{Tenant: "default", Category: "order", ID: "10248"}}
		if err := Decode(body, &c); err != nil {
			b.Fatal(err)
		}
	}
}
