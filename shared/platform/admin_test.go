package platform

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

func TestMain(m *testing.M) { localtest.Main(m) }

// Postgres stores no text with a NUL or with invalid UTF-8. Requests with such texts are rejected.
func TestAdminRequestsThatNoStoreTakes(t *testing.T) {
	t.Parallel()
	dsn := localtest.Template(t, "orchestrix", func(dsn string) error {
		db, err := postgres.Connect(dsn, postgres.Options{})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(t.Context())
	})
	db, err := postgres.Connect(dsn, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	registry, err := compile.Modules()
	if err != nil {
		t.Fatal(err)
	}
	views, mux := postgres.NewViews(db), http.NewServeMux()
	adminapi.New(mux).Projections(registry).Start(adminapi.Projections{Views: views})
	const action = `{"reason":"\u0000"}`
	for _, test := range []struct{ method, path, body string }{
		{"GET", "/parked?view=%00", ""},
		{"GET", "/parked?group=%ff", ""},
		{"GET", "/actions?view=a%00b", ""},
		{"GET", "/actions?view=%zz", ""},
		{"POST", "/parked/1/skip", action},
		{"POST", "/parked/retry?view=%00", `{}`},
		{"POST", "/projections/process-runner/pause", action},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body)))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", test.method, test.path, w.Code, w.Body)
		}
	}
}
