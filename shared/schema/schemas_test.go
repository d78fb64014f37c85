package schema_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/schema"
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
		"command thing/do":                     withCommand[badPattern](),
		"invalid float tag":                    withCommand[badLimit](),
		"takes no default":                     withCommand[badDefault](),
		"parameter a: a query parameter is":    withQuery[badParam](),
		"parameter a: validation failed: defa": withQuery[badParamDefault](),
		"invalid integer tag value 'ten'":      withQuery[badParamDefaultType](),
	} {
		registry, err := es.NewRegistry(module)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schema.New(registry); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func withCommand[C any]() es.Module {
	return es.Module{Name: "things", Deciders: []es.DeciderDef{es.Decider[struct{}]{
		Category: "thing",
		Decide:   es.Commands[struct{}]{es.Handle("do", func(struct{}, C) ([]es.Event, error) { return es.Accept() })},
	}}}
}

func withQuery[P any]() es.Module {
	return es.Module{Name: "things", Queries: []es.QueryDef{es.Query[P, int]{
		Name: "count", Run: func(context.Context, es.Views, P) (int, error) { return 0, nil },
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
