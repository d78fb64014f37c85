package tool

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

func TestDeadlinesFire(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var action adminapi.ActionRequest
		if err := json.NewDecoder(r.Body).Decode(&action); err != nil || r.Method != http.MethodPost || action.Who != "ada" || action.Reason != "to see it" {
			t.Errorf("%s %s: %+v, %v", r.Method, r.URL, action, err)
		}
		switch r.URL.EscapedPath() {
		case "/processes/transfer/t-1/deadlines/debit/fire":
			_, _ = io.WriteString(w, `{"status":"compensating","waiting":0}`)
		case "/processes/transfer/t-2/deadlines/debit/fire":
			_, _ = io.WriteString(w, `{"status":"parked","error":"panicked","waiting":2}`)
		default:
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":"deadline-not-pending","detail":"no deadline \"a/b\" of the instance is pending; none is"}`)
		}
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct{ instance, deadline, out, err string }{
		{"t-1", "debit", "the deadline has fired, the instance is compensating\n", ""},
		{"t-2", "debit", "", "the instance is parked, 2 wait: panicked"},
		{"t-1", "a/b", "", `no deadline "a/b" of the instance is pending; none is (status 409`},
	} {
		out, err := run(t, "deadlines", "fire", "transfer", c.instance, c.deadline, "--by", "ada", "--reason", "to see it", "--admin-url", server.URL)
		if out != c.out || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s %s: %q, %v", c.instance, c.deadline, out, err)
		}
	}
	if _, err := run(t, "deadlines", "fire", "transfer", "t-1"); err == nil {
		t.Error("a deadline without a name is fired")
	}
}
