package schema_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

func TestParamsBecomeTheQuerysJSON(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	for query, want := range map[string]string{
		"country=France":                          `{"country":"France","limit":10}`,
		"country=Fr&limit=100&open=true":          `{"country":"Fr","limit":100,"open":true}`,
		"country=Fr&tags=a,b&tags=c&ratio=-1.5e3": `{"country":"Fr","limit":10,"ratio":-1.5e3,"tags":["a,b","c"]}`,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := schemas.Params(registry.Queries()[0], values)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", query, got, err, want)
		}
	}
}

func TestBadParamsAreRefused(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, testModule())
	for query, want := range map[string]string{
		"country=Fr&Limit=1":              "bad query parameter: query search has no parameter \"Limit\"; expected country, limit, open, ratio, small, tags",
		"country=Fr&country=De":           "bad query parameter: country is given 2 times",
		"country=F%00r":                   "bad query parameter: country is not valid UTF-8 or contains U+0000",
		"country=F%ff":                    "bad query parameter: country is not valid UTF-8 or contains U+0000",
		"":                                "validation failed: query.country: expected required property country to be present",
		"country=F&limit=101":             "validation failed: query.country: expected length >= 2; query.limit: expected number <= 100",
		"country=Fr&limit=":               "validation failed: query.limit: expected integer",
		"country=Fr&limit=1.0":            "validation failed: query.limit: expected integer of at most 64 bits, without fraction or exponent",
		"country=Fr&limit=1e400":          "validation failed: query.limit: expected integer",
		"country=Fr&open=yes":             "validation failed: query.open: expected boolean",
		"country=Fr&small=300":            "validation failed: query.small: number 300 does not fit int8",
		"country=Fr&tags=a&tags=b&tags=c": "validation failed: query.tags: expected at most 2 items, got 3",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = schemas.Params(registry.Queries()[0], values)
		var invalid *schema.Invalid
		if err == nil || err.Error() != want || errors.As(err, &invalid) == errors.Is(err, schema.ErrBadParam) {
			t.Errorf("%s:\n got %v\nwant %s", query, err, want)
		}
	}
}

type (
	badPattern struct {
		A string `json:"a" pattern:"("`
	}
	badLimit struct {
		A int `json:"a" minimum:"many"`
	}
	badDefault struct {
		A string `json:"a" default:"x"`
	}
	badParam struct {
		A struct{ B int } `json:"a"`
	}
	badParamDefault struct {
		A int `json:"a" maximum:"5" default:"10"`
	}
	badParamDefaultType struct {
		A int `json:"a" default:"ten"`
	}
)

func TestATagThatCantBeUsedIsFoundAtTheStart(t *testing.T) {
	t.Parallel()
	for want, module := range map[string]es.Module{
		`schema_test.badPattern.A: the struct tag pattern:"("`:  withCommand[badPattern](),
		`schema_test.badLimit.A: the struct tag minimum:"many"`: withCommand[badLimit](),
		"takes no default":                                                withCommand[badDefault](),
		"parameter a: a query parameter is":                               withQuery[badParam](),
		"parameter a: validation failed: defa":                            withQuery[badParamDefault](),
		`schema_test.badParamDefaultType.A: the struct tag default:"ten"`: withQuery[badParamDefaultType](),
	} {
		registry, err := compile.Modules(module)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schema.New(registry); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

type (
	misspelled struct {
		A string `json:"a" minLenght:"1"`
	}
	misspelledFormat struct {
		A string `json:"a" format:"tokn"`
	}
	nestedBadTag struct {
		Lines []struct {
			N int `json:"n" minimum:"1" maximum:"0"`
		} `json:"lines"`
	}
	wrongEnum struct {
		A int `json:"a" enum:"1,two"`
	}
	wrongExample struct {
		A []int `json:"a" example:"x"`
	}
	wrongKind struct {
		A int `json:"a" minLength:"1"`
	}
	wrongFormatKind struct {
		A int `json:"a" format:"date"`
	}
	negative struct {
		A string `json:"a" maxLength:"-1"`
	}
	onEmbedded struct {
		badParam `doc:"x"`
	}
	twoPatterns struct {
		A string `json:"a" format:"token" pattern:"x"`
	}
	onStruct struct {
		A badParam `json:"a" maxProperties:"1"`
	}
	notBool struct {
		A []string `json:"a" uniqueItems:"yes"`
	}
	foreign struct {
		A string            `json:"a" yaml:"a" db:"a" format:"text" minLength:"1" maxLength:"2"`
		B []string          `json:"b" format:"token" enum:"a,b" maxItems:"2"`
		C map[string]int    `json:"c" maxProperties:"3"`
		D *time.Time        `json:"d,omitempty" nullable:"true"`
		E []foreign         `json:"e"`
		F []byte            `json:"f"`
		G map[string]string `json:"g" example:"{}"`
		H float64           `json:"h" multipleOf:"0.5" example:"1.5"`
		_ struct{}          `additionalProperties:"false"`
	}
)

func TestStructTagsAreChecked(t *testing.T) {
	t.Parallel()
	for want, module := range map[string]es.Module{
		`schema_test.misspelled.A: the struct tag minLenght:"1" is unknown; did you mean minLength?`:                                 withCommand[misspelled](),
		`schema_test.misspelledFormat.A: the struct tag format:"tokn" is no format of a JSON string; did you mean token?`:            withQuery[misspelledFormat](),
		`.N: the struct tag minimum:"1" is more than maximum:"0"`:                                                                    withCommand[nestedBadTag](),
		`schema_test.wrongEnum.A: the struct tag enum:"1,two" must be a JSON integer`:                                                withCommand[wrongEnum](),
		`schema_test.wrongExample.A: the struct tag example:"x" must be a JSON array`:                                                withCommand[wrongExample](),
		`schema_test.wrongKind.A: the struct tag minLength:"1" has no meaning on a field of type int: it is for a JSON string`:       withCommand[wrongKind](),
		`schema_test.wrongFormatKind.A: the struct tag format:"date" is no format of a JSON integer; known are double, float, int32`: withCommand[wrongFormatKind](),
		`schema_test.negative.A: the struct tag maxLength:"-1" must be a whole number of at least 0`:                                 withCommand[negative](),
		`schema_test.onEmbedded.badParam: the struct tag doc:"x" has no meaning on an embedded struct`:                               withCommand[onEmbedded](),
		`schema_test.twoPatterns.A: the struct tag format:"token" is a pattern already`:                                              withCommand[twoPatterns](),
		`schema_test.onStruct.A: the struct tag maxProperties:"1" has no meaning on a field of type schema_test.badParam`:            withCommand[onStruct](),
		`schema_test.notBool.A: the struct tag uniqueItems:"yes" must be true or false`:                                              withCommand[notBool](),
	} {
		registry, err := compile.Modules(module)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schema.New(registry); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	newSchemas(t, withCommand[foreign]())
}

func TestFormatsArePatternsForClients(t *testing.T) {
	t.Parallel()
	type formatted struct {
		ID    string   `json:"id" format:"token"`
		Names []string `json:"names" format:"text"`
		Day   string   `json:"day" format:"date"`
		Price string   `json:"price" format:"positive-amount"`
	}
	registry, schemas := newSchemas(t, withCommand[formatted]())
	object := schemas.CommandTypes().Map()["schema_test.Formatted"]
	if object == nil {
		t.Fatalf("schemas: %v", schemas.CommandTypes().Map())
	}
	id, names, day := object.Properties["id"], object.Properties["names"].Items, object.Properties["day"]
	if id.Pattern != "^[A-Za-z0-9_-]{1,64}$" || id.Format != "" || names.Pattern == "" || names.Format != "" || day.Format != "date" {
		t.Errorf("schemas are %+v, %+v, %+v", id, names, day)
	}
	a, _ := registry.Aggregate("thing")
	c, _ := a.Command("do")
	for body, want := range map[string]string{
		`{"id":"a","names":["b"],"day":"2026-01-02","price":"0.5"}`:      "",
		`{"id":"a b","names":["b"],"day":"2026-01-02","price":"0.5"}`:    "body.id: expected string to be 1 to 64 letters, digits, '_' and '-'",
		`{"id":"a","names":["\u0001"],"day":"2026-01-02","price":"0.5"}`: "body.names[0]: expected string to be text without control characters",
		`{"id":"a","names":[],"day":"2026-01-02","price":"0.0"}`:         "body.price: expected string to be an amount above zero with at most four decimals",
	} {
		if err := schemas.CheckCommand(c, []byte(body)); want == "" && err != nil || want != "" && (err == nil || err.Error() != "validation failed: "+want) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

func withCommand[C any]() es.Module {
	return es.Module{Name: "things", Deciders: []es.DeciderDef{es.Decider[struct{}]{
		Category: "thing",
		Decide:   es.Commands[struct{}]{es.Handle("do", func(struct{}, C) ([]core.Event, error) { return es.Accept() })},
	}}}
}

func withQuery[P any]() es.Module {
	return es.Module{Name: "things", Queries: []es.QueryDef{es.Query[P, int]{
		Name: "count", Run: func(context.Context, core.Views, P) (int, error) { return 0, nil },
	}}}
}

func TestSchemasSayWhatTheTagsSay(t *testing.T) {
	t.Parallel()
	_, schemas := newSchemas(t, testModule())
	types := schemas.CommandTypes().Map()
	place, line := types["schema_test.Place"], types["schema_test.Line"]
	if place == nil || line == nil {
		t.Fatalf("schemas: %v", types)
	}
	price := line.Properties["price"]
	if price.Type != "string" || price.Pattern == "" {
		t.Errorf("a decimal is %+v, want a string with its pattern", price)
	}
	if price.PatternDescription != "" || !strings.HasSuffix(price.Description, "Format: an amount with at most two decimals.") {
		t.Errorf("the pattern of a decimal is described by %q and %q", price.PatternDescription, price.Description)
	}
	if lines := place.Properties["lines"]; lines.Nullable || lines.Items.Ref != "#/components/schemas/schema_test.Line" {
		t.Errorf("an array in a command is %+v, want one that takes no null", lines)
	}
	if place.AdditionalProperties != false {
		t.Errorf("additional properties: %v", place.AdditionalProperties)
	}
	if answer := schemas.ReadTypes().Map()["schema_test.Found"]; !answer.Properties["names"].Nullable {
		t.Error("a slice of an answer may be null")
	}
}
