package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// For all headers and names, the answer is a success or a client error: never a 5xx.
func FuzzCommandRequest(f *testing.F) {
	r, s := registry(f)
	h, err := httpapi.NewCommandAPI(r, s, executorFunc(accept), httpapi.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("10248", "abc", `"2"`, "application/json")
	f.Add("..", "", `W/"2"`, "text/plain")
	f.Add("\x00", strings.Repeat("k", 200), `"18446744073709551616"`, "application/json; charset=\"")
	f.Fuzz(func(t *testing.T, id, key, match, contentType string) {
		request := httptest.NewRequest(http.MethodPost, "/v1/commands/order/x/place", strings.NewReader(goodBody))
		request.URL = &url.URL{Path: "/v1/commands/order/" + id + "/place", RawPath: "/v1/commands/order/" + url.PathEscape(id) + "/place"}
		request.Header = http.Header{"Idempotency-Key": {key}, "If-Match": {match}, "Content-Type": {contentType}}
		checkAnswer(t, h, request)
	})
}

func FuzzReadRequest(f *testing.F) {
	r, s := registry(f)
	h, err := httpapi.NewQueryAPI(r, s, &router{query: func(string, json.RawMessage, query.Wait) (any, error) { return 1, nil }}, httpapi.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("3-1042", "wait=2", "limit=5")
	f.Add("3-1042,1-1, 3-7", `respond-async, wait="9`, "limit=%zz")
	f.Add("-", "wait=-1;wait=3", "limit=5;&=")
	f.Add("99999-1", "=,;", "limit=1e3&limit")
	f.Fuzz(func(t *testing.T, position, prefer, query string) {
		request := httptest.NewRequest(http.MethodGet, "/v1/queries/top", nil)
		request.URL.RawQuery = query
		request.Header = http.Header{"Orchestrix-Position": {position}, "Prefer": {prefer}}
		checkAnswer(t, h, request)
	})
}

func checkAnswer(t *testing.T, h http.Handler, request *http.Request) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	kind := w.Header().Get("Content-Type")
	switch {
	case w.Code == http.StatusOK && kind == "application/json":
	case w.Code >= 400 && w.Code < 500 && kind == "application/problem+json":
	default:
		t.Errorf("status %d, Content-Type %q: %s", w.Code, kind, w.Body)
	}
	if !json.Valid(w.Body.Bytes()) {
		t.Errorf("the answer is not JSON: %s", w.Body)
	}
}

func BenchmarkCommand(b *testing.B) {
	r, s := registry(b)
	h, err := httpapi.NewCommandAPI(r, s, executorFunc(accept), httpapi.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, placePath, strings.NewReader(goodBody))
		request.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
