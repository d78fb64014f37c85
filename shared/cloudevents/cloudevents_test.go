package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

var orderStream = core.Stream{Tenant: "default", Category: "order", ID: "10248"}

func orderCommit() core.Commit {
	return core.Commit{
		Stream: orderStream, Version: 3, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC),
		Command: core.CommandRef{ID: "c-1"}, CorrelationID: "r-1", CausationID: "m-1",
		Events: []core.Recorded{
			{Type: "ordering.OrderPlaced", Schema: 2, Data: json.RawMessage(`{"name":"<ü> & \"co\""}`)},
			{Type: "ordering.OrderShipped", Schema: 1, Data: json.RawMessage(`{}`)},
		},
	}
}

const orderBody = `[{"specversion":"1.0","id":"order/10248/2","source":"/default/ordering","type":"ordering.OrderPlaced",` +
	`"subject":"order-10248","time":"2026-01-02T03:04:05.678901Z","datacontenttype":"application/json",` +
	`"dataschema":"urn:orchestrix:ordering.OrderPlaced:2","streamversion":2,"commandid":"c-1","correlationid":"r-1","causationid":"m-1",` +
	`"data":{"name":"<ü> & \"co\""}},` +
	`{"specversion":"1.0","id":"order/10248/3","source":"/default/ordering","type":"ordering.OrderShipped",` +
	`"subject":"order-10248","time":"2026-01-02T03:04:05.678901Z","datacontenttype":"application/json",` +
	`"dataschema":"urn:orchestrix:ordering.OrderShipped:1","streamversion":3,"commandid":"c-1","correlationid":"r-1","causationid":"m-1",` +
	`"data":{}}]`

// The form of the log is a contract with readers in any language.
func TestEncodeEvents(t *testing.T) {
	t.Parallel()
	c := orderCommit()
	body, err := cloudevents.Encode(&c)
	if err != nil || string(body) != orderBody {
		t.Errorf("got %v, (- expected, + got)\n%s", err, cmp.Diff(orderBody, string(body)))
	}
}

func TestDecodeEvents(t *testing.T) {
	t.Parallel()
	got := core.Commit{Stream: orderStream}
	if err := cloudevents.Decode([]byte(orderBody), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(orderCommit(), got); d != "" {
		t.Errorf("(- expected, + got)\n%s", d)
	}
}

// What no correct writer writes is refused, whole.
func TestDecodeEventsRefuses(t *testing.T) {
	t.Parallel()
	replace := func(old, by string) string {
		if !strings.Contains(orderBody, old) {
			t.Fatalf("%s is not in the body", old)
		}
		return strings.Replace(orderBody, old, by, 1)
	}
	for name, body := range map[string]string{
		"no JSON":                   `what`,
		"cut off":                   orderBody[:len(orderBody)-1],
		"an object":                 `{}`,
		"null":                      `null`,
		"no event":                  `[]`,
		"an empty event":            `[{}]`,
		"another specversion":       replace(`"specversion":"1.0"`, `"specversion":"0.3"`),
		"another subject":           replace(`"subject":"order-10248"`, `"subject":"order-10249"`),
		"a version that is zero":    replace(`"streamversion":2`, `"streamversion":0`),
		"a negative version":        replace(`"streamversion":2`, `"streamversion":-2`),
		"a gap":                     replace(`"streamversion":3`, `"streamversion":4`),
		"a repetition":              replace(`"streamversion":3`, `"streamversion":2`),
		"versions that overflow":    replace(`"streamversion":2`, `"streamversion":18446744073709551615`),
		"no schema":                 replace(`:ordering.OrderPlaced:2`, `:ordering.OrderPlaced`),
		"a schema of another event": replace(`:ordering.OrderPlaced:2`, `:ordering.OrderShipped:2`),
		"a schema version of zero":  replace(`OrderPlaced:2`, `OrderPlaced:0`),
		"a foreign schema":          replace(`urn:orchestrix:`, `urn:other:`),
		"no data":                   replace(`,"data":{}`, ``),
		"no time":                   replace(`"time":"2026-01-02T03:04:05.678901Z"`, `"time":"today"`),
	} {
		c := core.Commit{Stream: orderStream}
		if err := cloudevents.Decode([]byte(body), &c); !errors.Is(err, core.ErrCorrupt) || !strings.Contains(err.Error(), "order-10248") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each decoded body can be encoded again, and then decodes to the same commit.
func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte(orderBody))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"specversion":"1.0","subject":"order-10248","type":"","dataschema":"urn:orchestrix::1","streamversion":1,"data":null}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := core.Commit{Stream: orderStream}
		if err := cloudevents.Decode(body, &c); err != nil {
			if !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("%v", err)
			}
			return
		}
		if c.First() < 1 || len(c.Events) == 0 {
			t.Fatalf("commit is %+v", c)
		}
		written, err := cloudevents.Encode(&c)
		if err != nil {
			t.Fatal(err)
		}
		again := core.Commit{Stream: orderStream}
		if err := cloudevents.Decode(written, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, again, cmp.Comparer(sameJSON)); d != "" {
			t.Errorf("(- first, + second)\n%s", d)
		}
	})
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
