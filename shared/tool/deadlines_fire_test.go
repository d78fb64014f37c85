package tool

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

func TestDeadlinesFire(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var action adminapi.ActionRequest
		if err := json.NewDecoder(r.Body).Decode(&action); err != nil || r.Method != http.MethodPost || action.Reason != "to see it" {
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
		out, err := run(t, "deadlines", "fire", "transfer", c.instance, c.deadline, "--reason", "to see it", "--admin-url", server.URL)
		if out != c.out || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s %s: %q, %v", c.instance, c.deadline, out, err)
		}
	}
	if _, err := run(t, "deadlines", "fire", "transfer", "t-1"); err == nil {
		t.Error("a deadline without a name is fired")
	}
}

// What the list shows are the words that fire takes.
func TestTheListOfDeadlinesShowsWhatFireTakes(t *testing.T) {
	t.Parallel()
	set := processes.SetDeadline{ID: strings.Repeat("8f4c", 8), Name: "confirm-late"}
	var out strings.Builder
	if err := printDeadlines(&out, adminapi.DeadlineList{Items: []adminapi.DeadlineItem{{Category: "process-expiry", ID: "r-5", Name: set.Key()}}}); err != nil {
		t.Fatal(err)
	}
	if row := strings.Fields(strings.Split(out.String(), "\n")[1]); len(row) < 5 || strings.Join(row[2:5], " ") != "expiry r-5 confirm-late" {
		t.Errorf("the list is\n%s", &out)
	}
}
