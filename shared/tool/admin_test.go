package tool

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/local"
)

// The token of dev goes to dev alone, and that of a file is the operator's own.
func TestWhichTokenTheToolSends(t *testing.T) {
	dir := noEnvironment(t)
	sent := make(chan string, 1)
	port := func() string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent <- r.Header.Get("Authorization")
			fmt.Fprint(w, `{"items":[]}`)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	ofDev, other := port(), port()
	running(t, dir, local.Instance{AdminToken: "token-of-the-running-dev", Addresses: local.Addresses{AdminURL: ofDev}})
	file := func(secret string) string {
		path := filepath.Join(t.TempDir(), "admin.token")
		if err := os.WriteFile(path, []byte("# mine\n"+adminapi.NewToken("ada", secret).String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wants := func(token string, args ...string) {
		t.Helper()
		if _, err := run(t, append([]string{"deadlines"}, args...)...); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(<-sent, "Bearer "); got != token {
			t.Errorf("%v: sent %q, want %q", args, got, token)
		}
	}
	wants("token-of-the-running-dev")
	wants("token-of-the-running-dev", "--admin-url", ofDev)
	wants("", "--admin-url", other)
	t.Setenv("ORCHESTRIX_ADMIN_TOKEN_FILE", file("token-of-the-environment"))
	wants("token-of-the-running-dev")
	wants("token-of-the-environment", "--admin-url", other)
	wants("token-of-the-command-line", "--admin-url", other, "--admin-token-file", file("token-of-the-command-line"))
	wants("token-of-the-command-line", "--admin-token-file", file("token-of-the-command-line"))
	if _, err := run(t, "deadlines", "--admin-token-file", filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "the token for the admin port: open") {
		t.Errorf("no file: %v", err)
	}
}
