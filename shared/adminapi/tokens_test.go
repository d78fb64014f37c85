package adminapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

const (
	adaSecret = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	bobSecret = "BBBBBBBBBBBBBBBBBBBBBBBBBB"
)

// tokenPort is an admin port whose one route answers with the name of the operator.
type tokenPort struct {
	t       *testing.T
	file    string
	handler http.Handler
	log     bytes.Buffer
}

func newTokenPort(t *testing.T) *tokenPort {
	t.Helper()
	p := &tokenPort{t: t, file: filepath.Join(t.TempDir(), "tokens")}
	p.handler = adminapi.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(adminapi.Operator(r.Context())))
	}), adminapi.TokenFile(p.file), slog.New(slog.NewTextHandler(&p.log, nil)))
	return p
}

func (p *tokenPort) write(lines ...string) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// ask returns the status and the body of the answer to a request with a header Authorization.
func (p *tokenPort) ask(method, authorization, contentType string) (int, string) {
	p.t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(p.t.Context(), method, "/", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	p.handler.ServeHTTP(w, r)
	if (w.Code == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") != "") {
		p.t.Errorf("%d with the challenge %q", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	return w.Code, w.Body.String()
}

func TestOnlyTokensOpenTheAdminPort(t *testing.T) {
	t.Parallel()
	p := newTokenPort(t)
	bob := adminapi.NewToken("bob@example.com", bobSecret)
	p.write("# operators", "", "ada:"+adaSecret, bob.Digest())
	for authorization, name := range map[string]string{"Bearer " + adaSecret: "ada", "bearer " + bobSecret: "bob@example.com"} {
		if status, body := p.ask(http.MethodGet, authorization, ""); status != http.StatusOK || body != name {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	_, digest, _ := strings.Cut(bob.Digest(), ":")
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", "Basic " + adaSecret, adaSecret, "Bearer " + adaSecret + "A", "Bearer " + adaSecret[1:], "Bearer ada:" + adaSecret, "Bearer " + digest, "Bearer  " + adaSecret,
	} {
		if status, body := p.ask(http.MethodGet, authorization, ""); status != http.StatusUnauthorized || !strings.Contains(body, `"code":"unauthorized"`) {
			t.Errorf("%q: %d %s", authorization, status, body)
		}
	}
}

// A token that is added or removed counts from the next request on, so that tokens are exchanged without a restart.
func TestTokensAreExchangedWithoutARestart(t *testing.T) {
	t.Parallel()
	p := newTokenPort(t)
	status := func(secret string) int {
		status, _ := p.ask(http.MethodGet, "Bearer "+secret, "")
		return status
	}
	p.write("ada:" + adaSecret)
	if a, b := status(adaSecret), status(bobSecret); a != http.StatusOK || b != http.StatusUnauthorized {
		t.Errorf("at first: %d, %d", a, b)
	}
	p.write("ada:"+adaSecret, "ada:"+bobSecret)
	if a, b := status(adaSecret), status(bobSecret); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("side by side: %d, %d", a, b)
	}
	p.write("ada:" + bobSecret)
	if a, b := status(adaSecret), status(bobSecret); a != http.StatusUnauthorized || b != http.StatusOK {
		t.Errorf("after the exchange: %d, %d", a, b)
	}
	for _, bad := range []string{"", "# none", "ada", "ada:short", "ada:" + adaSecret + " x", "a b:" + adaSecret, ":" + adaSecret, "ada:sha256:00", "ada:sha256:" + strings.Repeat("0", 65), "ada:" + adaSecret + "\nbob", strings.Repeat("a", 70_000)} {
		p.log.Reset()
		p.write(bad)
		if code, body := p.ask(http.MethodGet, "Bearer "+adaSecret, ""); code != http.StatusServiceUnavailable || strings.Contains(body, p.file) {
			t.Errorf("a file with %.40q: %d %s", bad, code, body)
		}
		if log := p.log.String(); !strings.Contains(log, p.file) || strings.Contains(log, adaSecret) {
			t.Errorf("a file with %.40q: logged %s", bad, log)
		}
	}
}

// A web page can send a simple POST without asking first: its content type is never JSON.
func TestABodyMustBeJSON(t *testing.T) {
	t.Parallel()
	p := newTokenPort(t)
	p.write("ada:" + adaSecret)
	for kind, want := range map[string]int{
		"": http.StatusUnsupportedMediaType, "text/plain": http.StatusUnsupportedMediaType, "application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"multipart/form-data": http.StatusUnsupportedMediaType, "text/plain; a=application/json": http.StatusUnsupportedMediaType, "application/json; charset=utf-8": http.StatusOK,
	} {
		if status, body := p.ask(http.MethodPost, "Bearer "+adaSecret, kind); status != want {
			t.Errorf("%q: %d %s", kind, status, body)
		}
	}
}
