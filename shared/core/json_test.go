package core_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

type payload struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// What is stored is what was given: nothing is escaped for HTML.
func TestMarshal(t *testing.T) {
	t.Parallel()
	data, err := core.Marshal(payload{Text: "<a & \"b\">\n\u2028", Count: 1})
	if err != nil || string(data) != `{"text":"<a & \"b\">\n\u2028","count":1}` {
		t.Errorf("got %s, %v", data, err)
	}
	if _, err := core.Marshal(math.NaN()); err == nil || !strings.Contains(err.Error(), "float64") {
		t.Errorf("NaN: %v", err)
	}
}

// An old event may hold more than today's struct, and less.
func TestUnmarshal(t *testing.T) {
	t.Parallel()
	var p payload
	if err := core.Unmarshal([]byte(`{"text":"a","gone":true}`), &p); err != nil || p != (payload{Text: "a"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range []string{``, `{`, `{"count":"1"}`, `[]`, `{} {}`} {
		if err := core.Unmarshal([]byte(bad), &p); !errors.Is(err, core.ErrBadPayload) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestUnmarshalStrict(t *testing.T) {
	t.Parallel()
	var p payload
	if err := core.UnmarshalStrict([]byte(" {\"text\":\"ä\"}\n"), &p); err != nil || p != (payload{Text: "ä"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	for bad, says := range map[string]string{
		``:                      "no JSON value",
		`  `:                    "no JSON value",
		`{"text":"a"`:           "unexpected EOF",
		`{"text":"a","more":1}`: "more",
		`{"count":1.5}`:         "count",
		`{"count":1e99}`:        "count",
		`{} {}`:                 "more than one",
		`{}x`:                   "more than one",
		"{\"text\":\"\xff\"}":   "UTF-8",
		`"text"`:                "string",
	} {
		if err := core.UnmarshalStrict([]byte(bad), &payload{}); !errors.Is(err, core.ErrBadPayload) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestHashCommand(t *testing.T) {
	t.Parallel()
	// Streams and snapshots keep hashes: they never change.
	hash := core.HashCommand("ship", []byte(`{"a":[1,2],"b":"x y"}`))
	if hash != "9648c94a83b8d66ab13dbe5ff74b829b" {
		t.Errorf("hash is %s", hash)
	}
	if core.HashCommand("ship", []byte("not json")) != "2a78d8e820a17d79ee4e53b9e62f8f3f" {
		t.Error("what is no JSON has another hash")
	}
	for _, same := range []string{" {\"a\" : [1,\n2],\t\"b\":\"x y\"}\r\n"} {
		if core.HashCommand("ship", []byte(same)) != hash {
			t.Errorf("%s has another hash", same)
		}
	}
	for _, other := range []string{`{"a":[1,2],"b":"xy"}`, `{"a":[12],"b":"x y"}`, `{"a":[1,2]}`, ``, `{"a":[1,2],"b":"x y"}}`} {
		if core.HashCommand("ship", []byte(other)) == hash {
			t.Errorf("%s has the same hash", other)
		}
	}
	if core.HashCommand("cancel", []byte(`{}`)) == core.HashCommand("ship", []byte(`{}`)) {
		t.Error("two commands have one hash")
	}
}

// What is compact by encoding/json has the hash of what it was made of.
func FuzzHashCommand(f *testing.F) {
	for _, body := range []string{`{}`, "{\"a\" : [1,\n2],\t\"b\":\"x \\\" y\"}\r\n", `"\\" `, ` 1`, `["\u0020 "]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var compact bytes.Buffer
		if json.Compact(&compact, body) != nil {
			return
		}
		sum := sha256.Sum256(append([]byte("ship\x00"), compact.Bytes()...))
		if got := core.HashCommand("ship", body); got != hex.EncodeToString(sum[:16]) {
			t.Errorf("%q has another hash than %q", body, compact.Bytes())
		}
	})
}
