package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

const goodLine = `{"quantity":2,"price":"9.50"}`

func body(line string) string {
	return `{"customer":"ALFKI","day":"1996-07-04","lines":[` + line + `]}`
}

func with(field string) string { return strings.TrimSuffix(body(goodLine), "}") + "," + field + "}" }

func TestACommandThatFitsIsAccepted(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	for _, good := range []string{
		body(goodLine),
		" \n" + body(goodLine+","+goodLine) + "\t",
		with(`"rush":null`), with(`"rush":true`),
		with(`"labels":{"a.b[0]":"c"}`),
		with(`"shelf":-128`), with(`"extra":{"deep":[1,1.0,null]}`),
		with(`"notes":["a","b","\ufffd","😀","\ud83d\ude80"]`),
		body(`{"quantity":1,"price":"1","weight":1.50e2}`),
	} {
		if err := schemas.CheckCommand(commandType(t, registry, "place"), []byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if err := schemas.CheckCommand(commandType(t, registry, "touch"), []byte("{}")); err != nil {
		t.Error(err)
	}
}

func TestAMalformedBodyIsRefused(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	for name, bad := range map[string]string{
		"empty":               "",
		"white space":         "  ",
		"half":                `{"customer":"A`,
		"no JSON":             `customer=ALFKI`,
		"comma at the end":    `{"customer":"A",}`,
		"two values":          body(goodLine) + "{}",
		"garbage behind":      body(goodLine) + "x",
		"invalid UTF-8":       strings.Replace(body(goodLine), "ALFKI", "\xff", 1),
		"surrogate half":      strings.Replace(body(goodLine), "ALFKI", `\ud800`, 1),
		"NUL":                 strings.Replace(body(goodLine), "ALFKI", `A\u0000`, 1),
		"NUL in a name":       with(`"labels":{"\u0000":"x"}`),
		"NUL in free JSON":    with(`"extra":["\u0000"]`),
		"field twice":         with(`"day":"1996-07-05"`),
		"field twice, nested": body(`{"quantity":1,"quantity":2,"price":"1"}`),
		"too deep":            with(`"extra":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)),
		"very deep":           strings.Repeat("[", 500_000),
		"number beyond all":   with(`"extra":1e400`),
		"byte order mark":     "\ufeff" + body(goodLine),
	} {
		err := schemas.CheckCommand(commandType(t, registry, "place"), []byte(bad))
		if !errors.Is(err, schema.ErrMalformed) || !errors.Is(err, core.ErrBadPayload) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestAnUnknownFieldIsRefused(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	for location, bad := range map[string]string{
		"body.surprise":     with(`"surprise":1`),
		"body.Customer":     strings.Replace(body(goodLine), "customer", "Customer", 1),
		"body.lines[1].qty": body(goodLine + `,{"qty":1}`),
	} {
		err := schemas.CheckCommand(commandType(t, registry, "place"), []byte(bad))
		if !errors.Is(err, schema.ErrUnknownField) || !strings.Contains(err.Error(), location+";") {
			t.Errorf("got %v, want ErrUnknownField at %s", err, location)
		}
	}
}

func TestWrongValuesAreNamedOneByOne(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	for bad, want := range map[string]string{
		`[]`:             "body: expected object",
		`null`:           "body: expected object",
		`{}`:             "body.customer: expected required property customer to be present; body.day: expected required property day to be present; body.lines: expected required property lines to be present",
		with(`"rush":1`): "body.rush: expected boolean",
		strings.Replace(body(goodLine), "1996-07-04", "1996-02-30", 1): "body.day: expected string to be RFC 3339 date",
		strings.Replace(body(goodLine), `"ALFKI"`, `""`, 1):            "body.customer: expected length >= 1",
		strings.Replace(body(goodLine), `"ALFKI"`, `null`, 1):          "body.customer: expected string",
		strings.Replace(body(goodLine), "["+goodLine+"]", "null", 1):   "body.lines: expected array",
		body(""):                                              "body.lines: expected at least 1 items, got 0",
		with(`"notes":null`):                                  "body.notes: expected array",
		with(`"notes":["a","a"]`):                             "body.notes: expected array items to be unique",
		with(`"labels":{"a":1}`):                              "body.labels.a: expected string",
		with(`"shelf":128`):                                   "body.shelf: number 128 does not fit int8",
		body(`{"quantity":0,"price":"1"}`):                    "body.lines[0].quantity: expected number >= 1",
		body(`{"quantity":"1","price":1}`):                    "body.lines[0].price: expected string; body.lines[0].quantity: expected integer",
		body(`{"quantity":2,"price":"-1"}`):                   "body.lines[0].price: expected string to be an amount with at most two decimals",
		body(`{"quantity":2,"price":"1e9999999"}`):            "body.lines[0].price: expected string to be an amount with at most two decimals",
		body(`{"quantity":9999999999999999999,"price":"1"}`):  "body.lines[0].quantity: number 9999999999999999999 does not fit int",
		body(`{"quantity":99999999999999999999,"price":"1"}`): "body.lines[0].quantity: expected integer of at most 64 bits, without fraction or exponent",
		body(`{"quantity":1e300,"price":"1"}`):                "body.lines[0].quantity: expected integer of at most 64 bits, without fraction or exponent",
		body(`{"quantity":1.0,"price":"1"}`):                  "body.lines[0].quantity: expected integer of at most 64 bits, without fraction or exponent",
	} {
		err := schemas.CheckCommand(commandType(t, registry, "place"), []byte(bad))
		var invalid *schema.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want an Invalid", bad, err)
			continue
		}
		if got := strings.TrimPrefix(err.Error(), "validation failed: "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", bad, got, want)
		}
	}
}

func TestErrorsStaySmall(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	long := strings.Repeat("ä", 50_000)
	for name, bad := range map[string]string{
		"a long value":       strings.Replace(body(goodLine), "ALFKI", long, 1),
		"a long name":        with(fmt.Sprintf(`"labels":{"%s":1}`, long)),
		"a long number":      body(`{"quantity":` + strings.Repeat("9", 300) + `,"price":"1"}`),
		"a million mistakes": body(strings.Repeat(`{},`, 300_000) + `{}`),
		"a large object":     strings.Replace(body(goodLine), `"ALFKI"`, `{"a":"`+long+`"}`, 1),
	} {
		err := schemas.CheckCommand(commandType(t, registry, "place"), []byte(bad))
		var invalid *schema.Invalid
		if !errors.As(err, &invalid) {
			t.Fatalf("%s: got %v, want an Invalid", name, err)
		}
		text, err := core.Marshal(invalid.Fields)
		if err != nil {
			t.Fatal(err)
		}
		if len(invalid.Fields) > 100 || len(text) > 20_000 {
			t.Errorf("%s: %d fields in %d bytes", name, len(invalid.Fields), len(text))
		}
	}
	err := schemas.CheckCommand(commandType(t, registry, "place"), []byte(with(`"`+long+`":1`)))
	if !errors.Is(err, schema.ErrUnknownField) || len(err.Error()) > 1000 {
		t.Errorf("an unknown field of a long name: %.2000v", err)
	}
}

// What CheckCommand accepts, the command's type decodes: the edge leaves no bad body to the inside.
func FuzzCheckCommand(f *testing.F) {
	for _, seed := range []string{
		body(goodLine), body(""), with(`"rush":null`), with(`"shelf":300`), with(`"extra":{"a":[1e400]}`),
		`{"customer":"\ud800"}`, `{"a":1,"a":2}`, `[[[[`, "\x00", `{"Customer":1}`, `"`, `1e999999999`, "{}", "null",
		body(`{"quantity":1e300,"price":"1"}`), body(`{"quantity":1,"price":"1e9"}`), with(`"labels":{"":""}`),
	} {
		f.Add([]byte(seed))
	}
	registry, schemas := newSchemas(f, testModule())
	c := commandType(f, registry, "place")
	f.Fuzz(func(t *testing.T, body []byte) {
		err := schemas.CheckCommand(c, body)
		var invalid *schema.Invalid
		switch {
		case err == nil:
			if _, err := c.Decode(body); err != nil {
				t.Errorf("accepted, but %v", err)
			}
		case errors.As(err, &invalid):
			if len(invalid.Fields) == 0 || len(invalid.Fields) > 100 {
				t.Errorf("%d fields", len(invalid.Fields))
			}
		case !errors.Is(err, core.ErrBadPayload):
			t.Errorf("neither Invalid nor ErrBadPayload: %v", err)
		}
	})
}

func BenchmarkCheckCommand(b *testing.B) {
	registry, schemas := newSchemas(b, testModule())
	c := commandType(b, registry, "place")
	text := []byte(body(goodLine + "," + goodLine + "," + goodLine))
	b.ReportAllocs()
	for b.Loop() {
		if err := schemas.CheckCommand(c, text); err != nil {
			b.Fatal(err)
		}
	}
}
