package problem_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

func TestErrorsKeepTheirStatusAndCode(t *testing.T) {
	t.Parallel()
	notBuilt := &port.NotBuiltError{View: "orders"}
	for _, c := range []struct {
		table  problem.Table
		err    error
		status int
		code   string
		detail string
	}{
		{problem.Public, core.ErrNotFound, 404, "document-not-found", "the view has no document with this key"},
		{problem.Admin, fmt.Errorf("%w: letter 7", core.ErrNotFound), 404, "not-found", "letter 7"},
		{problem.Public, core.ErrBadToken, 400, "bad-token", "bad token"},
		{problem.Admin, core.ErrBadToken, 422, "bad-token", "bad token"},
		{problem.Admin, port.ErrBuilding, 409, "being-built", "being built"},
		{problem.Admin, port.ErrMoved, 409, "not-first", port.ErrMoved.Error()},
		{problem.Admin, port.ErrOtherVersion, 409, "other-version", port.ErrOtherVersion.Error()},
		{problem.Admin, fmt.Errorf("%w: no leader", port.ErrUnavailable), 503, "unavailable", "no leader"},
		{problem.Public, fmt.Errorf("q: %w", notBuilt), 503, "view-not-built", notBuilt.Error()},
		{problem.Admin, notBuilt, 503, "view-not-built", notBuilt.Error()},
		{problem.Admin, runtime.ErrOverloaded, 503, "overloaded", runtime.ErrOverloaded.Error()},
		{problem.Public, &core.Rejection{Code: "order-empty", Message: "no lines"}, 422, "order-empty", "no lines"},
		{problem.Admin, &core.Rejection{Code: "not-parked", Message: "it runs"}, 409, "not-parked", "it runs"},
		{problem.Public, errors.New("secret"), 500, "internal", problem.Internal.Detail},
		{problem.Admin, errors.New("secret"), 500, "internal", "secret"},
		{problem.Admin, problem.Starting.Errorf("%s is not open", "the bus"), 503, "starting", "the bus is not open"},
	} {
		kind, p := c.table.Find(c.err)
		if kind.Status != c.status || p.Status != c.status || p.Code != c.code || p.Detail != c.detail {
			t.Errorf("%v: %+v", c.err, p)
		}
	}
}

// The OpenAPI documents show every problem that an error becomes.
func TestTheTypesOfATableAreComplete(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]problem.Table{"Public": problem.Public, "Admin": problem.Admin} {
		for _, m := range append(table.Errors, problem.Mapping{Type: table.Rejected}) {
			if !slices.Contains(table.Types, m.Type) {
				t.Errorf("the types of %s lack %+v, which %v becomes", name, m.Type, m.Is)
			}
		}
	}
}

func TestAConflictTellsBothVersions(t *testing.T) {
	t.Parallel()
	stream := core.Stream{Tenant: core.DefaultTenant, Category: "order", ID: "1"}
	err := fmt.Errorf("append: %w", &port.ConflictError{Stream: stream, Expected: 3, Actual: 5})
	kind, p := problem.Public.Find(err)
	if kind != problem.Conflict || p.Expected == nil || *p.Expected != 3 || p.Actual == nil || *p.Actual != 5 {
		t.Errorf("got %+v", p)
	}
	if _, p := problem.Public.Find(port.ErrConflict); p.Expected != nil || p.Actual != nil {
		t.Errorf("a conflict without versions: %+v", p)
	}
}

func TestAProblemIsWritten(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	kind, p := problem.Public.Find(port.ErrUnavailable)
	if err := problem.Write(w, kind, p); err != nil {
		t.Fatal(err)
	}
	if w.Code != 503 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(w.Body.String(), `"code":"unavailable"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = httptest.NewRecorder()
	p.Errors = []schema.FieldError{{Value: func() {}}}
	if err := problem.Write(w, kind, p); err == nil || w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal"`) {
		t.Errorf("a problem that can't be encoded: %d %s, %v", w.Code, w.Body, err)
	}
}
