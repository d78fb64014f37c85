package dev_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/dev"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/local"
)

// evil is the page that attacks: its origin, and its name, which leads to this machine after a rebinding.
const (
	evilName   = "evil.example"
	evilOrigin = "https://" + evilName
)

// attack is a request that a browser sends for a page without the consent of anyone.
type attack struct {
	name    string
	headers map[string]string
	host    bool // the browser takes the name of the page for that of the port
	// breach returns what the answer gives the page; empty: nothing.
	breach func(method string, a *http.Response, body string) string
}

// write is what a page gains by a request that changes something: it needs no answer for that.
func write(method string, a *http.Response, body string) string {
	if method == http.MethodGet {
		return reads(method, a, body)
	}
	if !strings.Contains(body, `"code":"cross-origin"`) && !strings.Contains(body, `"code":"unauthorized"`) {
		return fmt.Sprintf("%d %.80s", a.StatusCode, body)
	}
	return ""
}

// reads is what a page gains by an answer that it may read.
func reads(_ string, a *http.Response, _ string) string {
	for header := range a.Header {
		if strings.HasPrefix(header, "Access-Control-Allow") {
			return header
		}
	}
	return ""
}

// asksFirst is what a page gains by a preflight.
func asksFirst(method string, a *http.Response, body string) string {
	if a.StatusCode < 300 {
		return a.Status
	}
	return reads(method, a, body)
}

// called is what a page gains by a request to a port that takes its name.
func called(_ string, a *http.Response, body string) string {
	if a.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, `"code":"unknown-host"`) {
		return fmt.Sprintf("%d %.80s", a.StatusCode, body)
	}
	return ""
}

var attacks = []attack{
	{name: "simple", headers: map[string]string{"Content-Type": "text/plain", "Origin": evilOrigin, "Sec-Fetch-Site": "cross-site"}, breach: write},
	{name: "simple of an old browser", headers: map[string]string{"Content-Type": "text/plain", "Origin": evilOrigin}, breach: write},
	{name: "form", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": "null", "Sec-Fetch-Site": "cross-site"}, breach: write},
	{name: "without a preflight", headers: map[string]string{"Content-Type": "application/json", "Origin": evilOrigin, "Sec-Fetch-Site": "cross-site"}, breach: write},
	{name: "preflight", headers: map[string]string{"Origin": evilOrigin, "Sec-Fetch-Site": "cross-site", "Access-Control-Request-Headers": "authorization,content-type"}, breach: asksFirst},
	{name: "rebinding", headers: map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}, host: true, breach: called},
}

// route is a route of a port.
type route struct{ method, path, body string }

// routes returns the routes of an OpenAPI document, and others that it does not describe.
func routes(t *testing.T, address, token string, others ...route) []route {
	t.Helper()
	status, text := ask(t, attack{headers: map[string]string{"Authorization": "Bearer " + token}}, address, route{"GET", "/openapi.json", ""})
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Paths) == 0 {
		t.Fatalf("%s/openapi.json: %v %v", address, status, err)
	}
	fill := strings.NewReplacer("{id}", "1", "{number}", "1", "{view}", "owners", "{key}", "1", "{process}", "p", "{name}", "n", "{command_id}", "c", "{category}", "account")
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for method := range document.Paths[path] {
			r := route{strings.ToUpper(method), fill.Replace(path), ""}
			if r.method != http.MethodGet {
				r.body = map[string]string{"/v1/commands/account/1/open": `{"owner":"Eve"}`, "/v1/commands/account/1/deposit": `{"amount":5}`}[r.path]
				if r.body == "" {
					r.body = `{"reason":"none"}`
				}
			}
			others = append(others, r)
		}
	}
	return append(others, route{"GET", "/openapi.json", ""}, route{"GET", "/none", ""}, route{"POST", "/none", "{}"})
}

// ask sends a request of an attack.
func ask(t *testing.T, a attack, address string, to route) (*http.Response, string) {
	t.Helper()
	method, body := to.method, io.Reader(http.NoBody)
	if to.body != "" {
		body = strings.NewReader(to.body)
	}
	if a.name == "preflight" {
		method, body = http.MethodOptions, http.NoBody
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address+to.path, body)
	if err != nil {
		t.Fatal(err)
	}
	for header, value := range a.headers {
		r.Header.Set(header, value)
	}
	if a.name == "preflight" {
		r.Header.Set("Access-Control-Request-Method", to.method)
	}
	if a.host {
		r.Host = evilName + ":" + r.URL.Port()
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// breaches carries out all attacks on all routes, and returns what they gain.
func breaches(t *testing.T, address string, all []route) (found []string) {
	t.Helper()
	for _, r := range all {
		for _, a := range attacks {
			answer, body := ask(t, a, address, r)
			if gain := a.breach(r.method, answer, body); gain != "" {
				found = append(found, fmt.Sprintf("%s: %s %s: %s", a.name, r.method, r.path, gain))
			}
		}
	}
	return found
}

// defenceless returns the address of a port that believes every browser: it is that of a service, behind all protection.
func defenceless(t *testing.T, address, token string) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
			r.Out.Header.Del(header)
		}
		r.Out.Header.Set("Content-Type", "application/json")
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}})
	t.Cleanup(server.Close)
	return server.URL
}

// Each route of each port × each way in which a page makes a browser send a request. Afterwards nothing has changed.
func TestWebPagesGainNothingFromDev(t *testing.T) {
	dir := enter(t, "shop")
	start(t, dev.Options{Name: "shop", Modules: []es.Module{bank()}, Profiles: true})
	i, err := local.FindInstance(dir)
	if err != nil || i == nil {
		t.Fatalf("%v, %v", i, err)
	}
	docs := []route{{"GET", "/docs", ""}, {"GET", "/docs/init.js", ""}}
	ports := map[string][]route{
		i.CommandURL: routes(t, i.CommandURL, "", docs...),
		i.QueryURL:   routes(t, i.QueryURL, "", docs...),
		i.HealthURL:  {{"GET", "/healthz", ""}, {"GET", "/readyz", ""}, {"GET", "/metrics", ""}, {"GET", "/none", ""}},
		i.AdminURL: routes(t, i.AdminURL, i.AdminToken, route{"GET", "/log-level", ""}, route{"PUT", "/log-level", `{"level":"debug"}`},
			route{"GET", "/debug/pprof/", ""}, route{"GET", "/debug/pprof/cmdline", ""}),
	}
	sent := 0
	for address, all := range ports {
		sent += len(all) * len(attacks)
		if found := breaches(t, address, all); len(found) > 0 {
			t.Errorf("%s:\n%s", address, strings.Join(found, "\n"))
		}
	}
	t.Logf("%d requests", sent)
	operator := attack{headers: map[string]string{"Authorization": "Bearer " + i.AdminToken}}
	for _, unchanged := range []struct{ address, path, says string }{
		{i.QueryURL, "/v1/streams/account/1", `"code":"stream-not-found"`},
		{i.AdminURL, "/log-level", `{"level":"WARN"}`},
		{i.AdminURL, "/actions", `{"items":[]}`},
	} {
		if _, text := ask(t, operator, unchanged.address, route{"GET", unchanged.path, ""}); !strings.Contains(text, unchanged.says) {
			t.Errorf("after the attacks %s is %s", unchanged.path, text)
		}
	}
	for address, all := range ports {
		if len(breaches(t, defenceless(t, address, i.AdminToken), all)) < len(all) {
			t.Errorf("%s: the attacks gain nothing from a port without protection either", address)
		}
	}
}

func TestDevServesNoProfilesUnlessItIsTold(t *testing.T) {
	dir := enter(t, "shop")
	start(t, dev.Options{Name: "shop"})
	i, err := local.FindInstance(dir)
	if err != nil {
		t.Fatal(err)
	}
	operator := attack{headers: map[string]string{"Authorization": "Bearer " + i.AdminToken}}
	if answer, _ := ask(t, operator, i.AdminURL, route{"GET", "/debug/pprof/cmdline", ""}); answer.StatusCode != http.StatusNotFound {
		t.Errorf("profiles: %s", answer.Status)
	}
	// The page of the API may be in no frame, and loads nothing from elsewhere.
	for _, address := range []string{i.CommandURL, i.QueryURL} {
		answer, _ := ask(t, attack{}, address, route{"GET", "/docs", ""})
		policy := answer.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s/docs: the policy %q has no %s", address, policy, part)
			}
		}
		if answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s/docs: the type is guessed", address)
		}
	}
}

// A page of another origin, and another name of this machine, are allowed where they are configured, and only there.
func TestDevAnswersToConfiguredNamesAndOrigins(t *testing.T) {
	dir := enter(t, "shop")
	start(t, dev.Options{Name: "shop", Modules: []es.Module{bank()}, Hosts: []string{"devbox"}, TrustedOrigins: []string{"http://localhost:5173"}})
	i, err := local.FindInstance(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host, origin string
		want         int
	}{
		"both":           {"devbox", "http://localhost:5173", http.StatusOK},
		"another origin": {"devbox", evilOrigin, http.StatusForbidden},
		"another name":   {evilName, "http://localhost:5173", http.StatusMisdirectedRequest},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.CommandURL+"/v1/commands/account/1/open", strings.NewReader(`{"owner":"Ada"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		for header, value := range map[string]string{"Content-Type": "application/json", "Origin": c.origin, "Sec-Fetch-Site": "cross-site"} {
			r.Header.Set(header, value)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s: %s, want %d", name, answer.Status, c.want)
		}
	}
}
