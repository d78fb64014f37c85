package tool

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// run runs the tool in this process and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "orchestrix", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(Commands(nil)...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHealth(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ready":
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, `{"status":"ready"}`)
		case "/silent":
			<-release
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status":"draining"}`)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, test := range map[string]struct{ url, says string }{
		"ready":     {server.URL + "/ready", ""},
		"not ready": {server.URL + "/", `status 503 of ` + server.URL + `/: {"status":"draining"}`},
		"silent":    {server.URL + "/silent", "deadline exceeded"},
		"gone":      {gone.URL, "connect"},
		"no URL":    {"http://a b/", "is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"health", test.url}
			if name == "silent" {
				args = append(args, "--timeout", "50ms")
			}
			out, err := run(t, args...)
			switch {
			case test.says == "" && (err != nil || out != `{"status":"ready"}`+"\n"):
				t.Errorf("got %q, %v", out, err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("the error %v must say %q", err, test.says)
			}
		})
	}
}

func TestHealthFindsTheServiceOfItsContainer(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		":9080":            "http://127.0.0.1:9080/readyz",
		"0.0.0.0:9080":     "http://127.0.0.1:9080/readyz",
		"[::]:9080":        "http://127.0.0.1:9080/readyz",
		"10.1.2.3:9080":    "http://10.1.2.3:9080/readyz",
		"localhost:9080":   "http://localhost:9080/readyz",
		"":                 "",
		"localhost":        "",
		"http://localhost": "",
	} {
		url, err := ownHealth(addr)
		if url != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", addr, url, err)
		}
	}
}
