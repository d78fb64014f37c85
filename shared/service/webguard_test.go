package service_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

func TestWebPagesOfOtherOriginsChangeNothing(t *testing.T) {
	t.Parallel()
	const other = "https://evil.example"
	shop := service.WebGuard{Origins: []string{"https://shop.example.com", "http://localhost:5173"}}
	local := service.WebGuard{Hosts: []string{"localhost", "devbox"}}
	for name, test := range map[string]struct {
		guard        service.WebGuard
		method, host string
		site, origin string // headers of a browser; old ones send no Sec-Fetch-Site
		want         string // the code of the problem; empty: it is passed on
	}{
		"a program":                         {service.WebGuard{}, "POST", "api.example.com", "", "", ""},
		"a page of the port":                {service.WebGuard{}, "POST", "api.example.com", "same-origin", "https://api.example.com", ""},
		"a page of another origin":          {service.WebGuard{}, "POST", "api.example.com", "cross-site", other, "cross-origin"},
		"a sibling":                         {service.WebGuard{}, "DELETE", "api.example.com", "same-site", "https://www.example.com", "cross-origin"},
		"in an old browser":                 {service.WebGuard{}, "PUT", "api.example.com", "", other, "cross-origin"},
		"a sandboxed page":                  {service.WebGuard{}, "POST", "api.example.com", "", "null", "cross-origin"},
		"a page of an old browser":          {service.WebGuard{}, "POST", "api.example.com", "", "https://api.example.com", ""},
		"a read":                            {service.WebGuard{}, "GET", "api.example.com", "cross-site", other, ""},
		"a preflight":                       {service.WebGuard{}, "OPTIONS", "api.example.com", "cross-site", other, ""},
		"a page that is trusted":            {shop, "POST", "api.example.com", "same-site", "https://shop.example.com", ""},
		"another one":                       {shop, "POST", "api.example.com", "cross-site", "https://shop.example.com.evil.example", "cross-origin"},
		"a page of a development server":    {shop, "POST", "localhost:8080", "same-site", "http://localhost:5173", ""},
		"any name":                          {service.WebGuard{}, "GET", "evil.example", "", "", ""},
		"localhost":                         {local, "POST", "localhost:8080", "same-origin", "http://localhost:8080", ""},
		"LOCALHOST":                         {local, "GET", "LOCALHOST.:8080", "", "", ""},
		"127.0.0.1":                         {local, "GET", "127.0.0.1:8080", "", "", ""},
		"::1":                               {local, "GET", "[::1]:8080", "", "", ""},
		"::1 without a port":                {local, "GET", "[::1]", "", "", ""},
		"an address of the network":         {local, "GET", "192.168.1.7:8080", "", "", ""},
		"a configured name":                 {local, "GET", "devbox:8080", "", "", ""},
		"a name that leads here now":        {local, "GET", "evil.example:8080", "same-origin", "", "unknown-host"},
		"such a name that sends":            {local, "POST", "evil.example:8080", "same-origin", "http://evil.example:8080", "unknown-host"},
		"a name that begins well":           {local, "GET", "localhost.evil.example", "", "", "unknown-host"},
		"a name that begins as an address":  {local, "GET", "127.0.0.1.evil.example", "", "", "unknown-host"},
		"a name that is hidden by a port":   {local, "GET", "evil.example:localhost", "", "", "unknown-host"},
		"no name":                           {local, "GET", "", "", "", "unknown-host"},
		"a preflight of such a name":        {local, "OPTIONS", "evil.example:8080", "same-origin", "", "unknown-host"},
		"a page of another origin, to dev":  {local, "POST", "127.0.0.1:8080", "cross-site", other, "cross-origin"},
		"a page of localhost, another port": {local, "POST", "localhost:8080", "same-site", "http://localhost:3000", "cross-origin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passed := false
			h, err := test.guard.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true }))
			if err != nil {
				t.Fatal(err)
			}
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), test.method, "/", nil)
			r.Host = test.host
			for header, value := range map[string]string{"Sec-Fetch-Site": test.site, "Origin": test.origin} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			h.ServeHTTP(w, r)
			if passed != (test.want == "") || test.want != "" && !strings.Contains(w.Body.String(), `"code":"`+test.want+`"`) {
				t.Errorf("passed on: %v, %d %s", passed, w.Code, w.Body)
			}
		})
	}
	for _, bad := range []string{"shop.example.com", "https://shop.example.com/", "*", ""} {
		if _, err := (service.WebGuard{Origins: []string{bad}}).Protect(http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "write it as https://shop.example.com") {
			t.Errorf("the origin %q: %v", bad, err)
		}
	}
}
