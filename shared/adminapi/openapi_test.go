package adminapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

// document is what the test reads of an OpenAPI document.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Parameters  []parameter
		RequestBody struct {
			Content map[string]any
		}
		Responses map[string]response
	}
	Components struct {
		Schemas   map[string]any
		Responses map[string]response
	}
}

type parameter struct{ Name, In string }

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct{ Schema map[string]any }
}

var pathParameter = regexp.MustCompile(`\{\w+\}`)

func TestTheDocumentDescribesEveryRoute(t *testing.T) {
	t.Parallel()
	registry, err := compile.Modules()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	api := adminapi.New(mux)
	api.Bus(slog.New(slog.DiscardHandler))
	api.Projections(registry)
	api.Processes(registry)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK || d.OpenAPI != "3.1.0" {
		t.Fatalf("%d %.200s: %v", w.Code, w.Body, err)
	}
	for name := range d.Components.Schemas {
		if !strings.Contains(w.Body.String(), `"#/components/schemas/`+name+`"`) {
			t.Errorf("no operation refers to the schema %s", name)
		}
	}
	for name, r := range d.Components.Responses {
		if r.Content["application/problem+json"].Schema["$ref"] != "#/components/schemas/Problem" {
			t.Errorf("the response %s is %v", name, r)
		}
	}
	var ids []string
	for path, operations := range d.Paths {
		for method, op := range operations {
			ids = append(ids, op.OperationID)
			if method == "post" && op.RequestBody.Content["application/json"] == nil {
				t.Errorf("%s %s has no body", method, path)
			}
			for _, name := range pathParameter.FindAllString(path, -1) {
				if !slices.Contains(op.Parameters, parameter{strings.Trim(name, "{}"), "path"}) {
					t.Errorf("%s %s does not describe %s", method, path, name)
				}
			}
			if op.Responses["200"].Content["application/json"].Schema["$ref"] == nil {
				t.Errorf("%s %s: the answer is %v", method, path, op.Responses["200"])
			}
			for status, name := range map[string]string{"400": "BadRequest", "500": "InternalServerError", "503": "ServiceUnavailable"} {
				if op.Responses[status].Ref != "#/components/responses/"+name {
					t.Errorf("%s %s: the answer %s is %v", method, path, status, op.Responses[status])
				}
			}
			target := strings.NewReplacer("{view}", "v", "{id}", "1", "{number}", "1", "{process}", "p").Replace(path)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), strings.ToUpper(method), target, nil))
			if w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s %s answers %d before the service has started", method, target, w.Code)
			}
		}
	}
	slices.Sort(ids)
	if len(ids) != 24 || len(slices.Compact(ids)) != 24 {
		t.Errorf("%d operations: %v", len(ids), ids)
	}
}
