package httpapi_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

type document struct {
	OpenAPI string                                `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}

func TestTheOpenAPIDocumentHasEveryOperation(t *testing.T) {
	t.Parallel()
	commands := commandServer(t, executorFunc(accept), httpapi.Options{Title: "Shop", Version: "1.2.3"})
	queries := queryServer(t, &router{}, httpapi.Options{})
	for want, text := range map[string]string{
		"/v1/commands/order/{id}/place": call(t, commands, "GET", "/openapi.json", "").body,
		"/v1/queries/top /v1/streams/order/{id} /v1/streams/order/{id}/events /v1/views/order-summary /v1/views/order-summary/{key}": call(t, queries, "GET", "/openapi.json", "").body,
	} {
		var d document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(d.Paths)), " "); got != want || d.OpenAPI != "3.1.0" {
			t.Errorf("OpenAPI %s with %s, want %s", d.OpenAPI, got, want)
		}
		for _, ref := range regexp.MustCompile(`"\$ref": "#/components/([^"]+)"`).FindAllStringSubmatch(text, -1) {
			kind, name, _ := strings.Cut(ref[1], "/")
			var components struct {
				Components map[string]map[string]any `json:"components"`
			}
			if err := json.Unmarshal([]byte(text), &components); err != nil || components.Components[kind][name] == nil {
				t.Errorf("nothing at #/components/%s", ref[1])
			}
		}
	}
}

func TestTheOpenAPIDocumentIsThatOfTheProgram(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]httpapi.Options{
		`{"title":"Shop: queries","version":"1.2.3"}`:                                                 {Title: "Shop", Version: "1.2.3"},
		`{"license":{"identifier":"MIT","name":"MIT"},"title":"Orchestrix: queries","version":"dev"}`: {License: "MIT"},
	} {
		var d struct{ Info map[string]any }
		if err := json.Unmarshal([]byte(call(t, queryServer(t, &router{}, o), "GET", "/openapi.json", "").body), &d); err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(d.Info); string(got) != want {
			t.Errorf("the document is about %s, want %s", got, want)
		}
	}
}

func TestACommandIsDocumentedWithItsSchemaAndEveryStatus(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	r := call(t, server, "GET", "/openapi.json", "")
	if r.header.Get("Content-Type") != "application/openapi+json" || r.header.Get("ETag") == "" {
		t.Errorf("headers %v", r.header)
	}
	var d struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema map[string]string `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				AdditionalProperties any                       `json:"additionalProperties"`
				Properties           map[string]map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(r.body), &d); err != nil {
		t.Fatal(err)
	}
	op := d.Paths["/v1/commands/order/{id}/place"]["post"]
	if ref := op.RequestBody.Content["application/json"].Schema["$ref"]; ref != "#/components/schemas/httpapi_test.Place" {
		t.Errorf("the body is %q", ref)
	}
	if got := strings.Join(slices.Sorted(maps.Keys(op.Responses)), " "); got != "200 400 403 404 408 409 412 413 415 422 500 503" {
		t.Errorf("statuses %s", got)
	}
	for _, name := range []string{"httpapi_test.Settle", "httpapi_test.Proof"} {
		if _, ok := d.Components.Schemas[name]; ok {
			t.Errorf("%s of an internal command is documented", name)
		}
	}
	if day := d.Components.Schemas["httpapi_test.Place"].Properties["day"]; day["format"] != "date" {
		t.Errorf("day is %v", day)
	}
	if price := d.Components.Schemas["httpapi_test.Line"].Properties["price"]; price["type"] != "string" || price["pattern"] == nil {
		t.Errorf("price is %v", price)
	}
}

func TestTheDocumentAsYAML(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	r := call(t, server, "GET", "/openapi.yaml", "")
	if r.header.Get("Content-Type") != "application/openapi+yaml" || !strings.Contains(r.body, "\nopenapi: 3.1.0\n") {
		t.Errorf("%v %.100s", r.header, r.body)
	}
	if again := call(t, server, "GET", "/openapi.yaml", "", "If-None-Match", r.header.Get("ETag")); again.status != 304 {
		t.Errorf("If-None-Match: %d", again.status)
	}
}

// The docs page works without a network: the server has every file that the page names, and the page's policy forbids all
// others.
func TestTheDocsPageLoadsNothingFromOutside(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	page := call(t, server, "GET", "/docs", "")
	policy := page.header.Get("Content-Security-Policy")
	if page.status != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") || strings.Contains(policy, "unsafe-eval") {
		t.Errorf("%d with policy %q", page.status, policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) != 4 {
		t.Errorf("the page has the links %v", links)
	}
	for _, link := range links {
		if link[1] == "data:," {
			continue
		}
		if r := call(t, server, "GET", "/"+link[1], ""); r.status != 200 || len(r.body) == 0 || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", link[1], r.status)
		}
	}
	css, err := os.ReadFile("docs/swagger-ui.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range regexp.MustCompile(`url\(([^)]{0,40})`).FindAllSubmatch(css, -1) {
		if !strings.HasPrefix(strings.Trim(string(url[1]), `"'`), "data:") {
			t.Errorf("the style sheet loads %s", url[1])
		}
	}
}

// What a module says of its commands, views and queries is in the document, whose two titles differ.
func TestDocsSayWhatTheModuleSays(t *testing.T) {
	t.Parallel()
	commands := commandServer(t, executorFunc(accept), httpapi.Options{Title: "A & B"})
	queries := queryServer(t, &router{}, httpapi.Options{})
	for want, r := range map[string]reply{
		`"title": "A \u0026 B: commands"`:                            call(t, commands, "GET", "/openapi.json", ""),
		"<title>A &amp; B: commands</title>":                         call(t, commands, "GET", "/docs", ""),
		`"summary": "Places an order"`:                               call(t, commands, "GET", "/openapi.json", ""),
		`"title": "Orchestrix: queries"`:                             call(t, queries, "GET", "/openapi.json", ""),
		"<title>Orchestrix: queries</title>":                         call(t, queries, "GET", "/docs", ""),
		`"summary": "The best customers"`:                            call(t, queries, "GET", "/openapi.json", ""),
		`"description": "Orders, one document each\n\nThe documents`: call(t, queries, "GET", "/openapi.json", ""),
	} {
		if r.status != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%d: %s is missing in %.3000s", r.status, want, r.body)
		}
	}
}

func TestAViewWhoseFieldIsAParameterIsRefused(t *testing.T) {
	t.Parallel()
	type limited struct {
		Limit int `json:"limit"`
	}
	module := testModule()
	module.Views = []es.ViewDef{es.View[limited]{
		Name: "limits", Version: 1, Fields: core.Fields{{Name: "limit", Kind: core.Number}},
		On: es.Folds[limited]{es.On(func(*limited, placed) {})},
	}}
	registry, err := compile.Modules(module)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := httpapi.NewQueryAPI(registry, schemas, &router{}, httpapi.Options{}); err == nil || !strings.Contains(err.Error(), "rename the field") {
		t.Errorf("got %v", err)
	}
}
