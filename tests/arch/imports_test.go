package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "orchestrix"

// rule says what of this module the packages of a pattern may import. The first rule that matches counts.
type rule struct {
	packages string
	imports  []string
}

// rules are the arrows of the tree. A package without a rule breaks the test: a new room needs a decision.
var rules = []rule{
	{"domain", []string{"domain/*", "shared/es"}}, // the one place that knows every context
	{"domain/*", []string{"shared/es"}},           // a bounded context knows no other
	{"shared/es", nil},
	{"shared/es/estest", []string{"shared/es"}},
	{"shared/schema", []string{"shared/es"}},
	{"shared/tracing", []string{"shared/es"}},
	{"shared/runtime", []string{"shared/es", "shared/tracing"}},
	{"shared/memory", []string{"shared/es"}}, // adapters know no other adapter
	{"shared/jetstream", []string{"shared/es", "shared/tracing"}},
	{"shared/postgres", []string{"shared/es", "shared/tracing"}},
	{"shared/httpapi", []string{"shared/es", "shared/runtime", "shared/schema"}},
	{"shared/adminapi", []string{"shared/es", "shared/runtime"}},
	{"shared/backup", []string{"shared/es"}},
	{"shared/loadgen", nil},
	{"shared/observe", []string{"shared/es", "shared/runtime", "shared/tracing"}},
	{"shared/service", []string{"shared/adminapi", "shared/observe"}},
	{"shared/local", nil},
	{"shared/local/localtest", []string{"shared/local"}},
	{"services", []string{"shared/*"}},
	{"services/*", []string{"domain", "services", "shared/service"}}, // wiring only
	{"cmd/*", []string{"services", "shared/*", "domain"}},
	{"tests/bench", []string{"services", "shared/*", "domain", "domain/*"}},
	{"deploy/observe/generate", nil},
	{"tests/compose/*", nil}, // stand-ins for the programs of others
	{"tests/*", []string{"shared/*", "shared/local/localtest"}},
}

// drivers are the libraries that one room alone may know, by the start of their path.
var drivers = map[string][]string{
	"github.com/nats-io/":                      {"shared/jetstream", "shared/local", "services", "cmd/orchestrix", "tests/bench"},
	"github.com/jackc/":                        {"shared/postgres", "shared/local", "shared/local/localtest", "tests/bench"},
	"github.com/danielgtaylor/huma":            {"shared/schema", "shared/httpapi", "shared/adminapi"},
	"github.com/fergusstrange/":                {"shared/local"},
	"github.com/spf13/cobra":                   {"cmd/orchestrix"},
	"github.com/kelseyhightower/envconfig":     {"shared/service"},
	"github.com/pressly/goose":                 {"shared/postgres"},
	"github.com/prometheus/":                   {"shared/observe", "tests/bench"},
	"go.opentelemetry.io/contrib/":             {"shared/observe"},
	"go.opentelemetry.io/otel/sdk":             {"shared/observe"},
	"github.com/exaring/otelpgx":               {"shared/observe"},
	"github.com/nats-io/nats-server/v2/server": {"shared/local"},
	"net/http":     {"shared/httpapi", "shared/adminapi", "shared/observe", "shared/service", "shared/schema", "services", "cmd/orchestrix", "shared/local", "shared/loadgen", "tests/bench", "tests/compose/natsexporter"},
	"database/sql": {"shared/postgres"},
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) (packages []listedPackage) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"/...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
		if i < 0 {
			t.Errorf("%s has no rule: say in this test what it may import", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				if !slices.ContainsFunc(rules[i].imports, func(pattern string) bool { return matches(pattern, own) }) {
					t.Errorf("%s imports %s: it may import %v", name, own, rules[i].imports)
				}
			} else if strings.HasPrefix(imported, module) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

// nextJSON is encoding/json as Go 1.27 has it.
const nextJSON = "github.com/go-json-experiment/json"

func TestDriversStayInTheirRooms(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, imported := range p.Imports {
			if name == "shared/es" && strings.Contains(strings.Split(imported, "/")[0], ".") && !strings.HasPrefix(imported, nextJSON) {
				t.Errorf("shared/es imports %s: it may import the standard library and %s alone", imported, nextJSON)
			}
			for start, rooms := range drivers {
				if strings.HasPrefix(imported, start) && !slices.Contains(rooms, name) {
					t.Errorf("%s imports %s: only %v may", name, imported, rooms)
				}
			}
		}
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
