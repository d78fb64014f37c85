package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/orchestrix-go/orchestrix"

// rule lists the packages of this module that the packages of a pattern may import. The first rule that matches counts.
type rule struct {
	packages string
	imports  []string
}

// vocabulary are the packages of types that the engine and the adapters share.
var vocabulary = []string{"shared/core", "shared/port", "shared/cloudevents"}

// and returns the vocabulary with more packages.
func and(more ...string) []string { return slices.Concat(vocabulary, more) }

// rules are the allowed imports of the tree. A package without a rule fails the test: a new room needs a decision.
var rules = []rule{
	{"domain", []string{"domain/*", "shared/es"}}, // the only package that knows every context
	{"domain/*", []string{"shared/es"}},           // a bounded context knows no other
	{"shared/retry", nil},
	{"shared/clip", nil},
	{"shared/build", nil},
	{"shared/redact", nil},
	{"shared/core", []string{"shared/retry"}},
	{"shared/processes", []string{"shared/core", "shared/clip"}},
	{"shared/es/internal/bridge", []string{"shared/core"}},
	{"shared/es", []string{"shared/core", "shared/processes", "shared/es/internal/bridge"}},
	{"shared/es/compile", []string{"shared/core", "shared/es", "shared/es/internal/bridge"}},
	{"shared/es/estest", and("shared/processes", "shared/schema", "shared/es", "shared/es/compile", "shared/memory", "shared/problem", "shared/runtime", "shared/runtime/*")}, // no store
	{"shared/cloudevents", []string{"shared/core"}},
	{"shared/port", []string{"shared/core"}},
	{"shared/port/porttest", vocabulary},
	{"shared/schema", []string{"shared/core", "shared/clip"}},
	{"shared/tracing", []string{"shared/core"}},
	{"shared/runtime", vocabulary},
	{"shared/runtime/runtimetest", and("shared/es", "shared/es/compile", "shared/memory", "shared/jetstream", "shared/postgres", "shared/local/localtest", "shared/runtime", "shared/runtime/*")}, // fixtures of tests
	{"shared/runtime/*", and("shared/tracing", "shared/retry", "shared/clip", "shared/processes", "shared/runtime", "shared/runtime/*")},                                                          // see floors
	{"shared/memory", vocabulary}, // adapters know no other adapter
	{"shared/jetstream", and("shared/tracing", "shared/retry", "shared/clip")},
	{"shared/postgres", and("shared/tracing", "shared/retry", "shared/clip")},
	{"shared/problem", and("shared/runtime", "shared/schema", "shared/clip", "shared/redact")},
	{"shared/httpapi", and("shared/runtime", "shared/runtime/*", "shared/schema", "shared/problem", "shared/clip")},
	{"shared/adminapi", and("shared/runtime", "shared/runtime/*", "shared/processes", "shared/schema", "shared/problem", "shared/clip", "shared/redact")},
	{"shared/backup", and("shared/retry")},
	{"shared/loadgen", []string{"shared/retry"}},
	{"shared/observe", and("shared/build", "shared/processes", "shared/runtime", "shared/runtime/*", "shared/tracing")},
	{"shared/service", []string{"shared/adminapi", "shared/observe", "shared/problem", "shared/redact", "shared/retry"}},
	{"shared/local", []string{"shared/retry"}},
	{"shared/local/localtest", []string{"shared/local", "shared/retry"}},
	{"shared/platform", []string{"shared/*", "shared/es/compile", "shared/runtime/*"}},
	{"shared/dev", []string{"shared/core", "shared/adminapi", "shared/schema", "shared/es", "shared/es/compile", "shared/platform", "shared/service", "shared/local", "shared/observe", "shared/redact", "shared/retry"}},
	{"shared/tool", []string{"shared/*", "shared/es/compile", "shared/runtime/*"}}, // see floors
	{"shared/app", []string{"shared/clip", "shared/build", "shared/redact", "shared/es", "shared/platform", "shared/service", "shared/local", "shared/dev", "shared/tool", "shared/jetstream", "shared/postgres"}},
	{"shared/scaffold", []string{"shared/core", "shared/processes", "shared/es"}},
	{"shared/scaffold/cli", []string{"shared/scaffold"}},
	{"services/*", []string{"domain", "shared/app"}}, // wiring only
	{"cmd/*", []string{"domain", "shared/app", "shared/scaffold/cli"}},
	{"cmd/project/*", []string{"shared/scaffold/cli"}}, // no domain, no store: every project builds it
	{"tests/bench", []string{"shared/*", "shared/es/compile", "shared/runtime/*", "domain", "domain/*"}},
	{"deploy/observe/generate", nil},
	{"tests/compose/*", nil}, // substitutes for third-party programs
	{"tests/*", []string{"shared/*", "shared/local/localtest"}},
}

// drivers are the libraries that only the listed packages may import, by the start of their path.
var drivers = map[string][]string{
	"filippo.io/age":                           {"shared/backup", "shared/tool"},
	"github.com/nats-io/":                      {"shared/jetstream", "shared/local", "shared/platform", "shared/tool", "tests/bench"},
	"github.com/jackc/":                        {"shared/postgres", "shared/local", "shared/local/localtest", "tests/bench"},
	"github.com/danielgtaylor/huma":            {"shared/schema", "shared/problem", "shared/httpapi", "shared/adminapi"},
	"github.com/fergusstrange/":                {"shared/local"},
	"github.com/spf13/cobra":                   {"shared/app", "shared/tool", "shared/scaffold/cli", "cmd/orchestrix", "cmd/project/orchestrix"},
	"github.com/kelseyhightower/envconfig":     {"shared/service"},
	"github.com/pressly/goose":                 {"shared/postgres"},
	"github.com/prometheus/":                   {"shared/observe", "tests/bench"},
	"go.opentelemetry.io/contrib/":             {"shared/observe"},
	"go.opentelemetry.io/otel/sdk":             {"shared/observe"},
	"github.com/exaring/otelpgx":               {"shared/observe"},
	"github.com/nats-io/nats-server/v2/server": {"shared/local"},
	"net/http":     {"shared/httpapi", "shared/problem", "shared/observe", "shared/service", "shared/schema", "shared/adminapi", "shared/platform", "shared/dev", "shared/tool", "shared/app", "shared/local", "shared/loadgen", "tests/bench", "tests/compose/natsexporter"},
	"database/sql": {"shared/postgres"},
}

type listedPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// name is the import path inside the module.
func (p listedPackage) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// ownImports are the imported packages of the module, by name.
func (p listedPackage) ownImports() (names []string) {
	for _, imported := range p.Imports {
		if own, ok := strings.CutPrefix(imported, module+"/"); ok {
			names = append(names, own)
		}
	}
	return names
}

// userModules are the directories of the module and of the test modules that use it.
func userModules() (dirs []string) {
	for _, dir := range []string{".", "tests/bench", "tests/linear"} {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); err == nil { // the samples' tests may be deleted
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// list returns the packages of the modules of the tree that use it.
func list(t *testing.T) []listedPackage {
	t.Helper()
	packages, err := listOnce()
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

var listOnce = sync.OnceValues(func() (packages []listedPackage, err error) {
	for _, dir := range userModules() {
		command := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
		command.Dir = filepath.Join(root, dir)
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", dir, err)
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
			var p listedPackage
			if err := decoder.Decode(&p); err != nil {
				return nil, err
			}
			packages = append(packages, p)
		}
	}
	return packages, nil
})

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, p.name()) })
		if i < 0 {
			t.Errorf("%s has no rule: add it to the table of this test", p.name())
			continue
		}
		for _, imported := range p.ownImports() {
			if !slices.ContainsFunc(rules[i].imports, func(pattern string) bool { return matches(pattern, imported) }) {
				t.Errorf("%s imports %s: it may import %v", p.name(), imported, rules[i].imports)
			}
		}
	}
}

// nextJSON is encoding/json as Go 1.27 has it.
const nextJSON = "github.com/go-json-experiment/json"

func TestDriversStayInTheirRooms(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := p.name()
		for _, imported := range p.Imports {
			foreign := strings.Contains(strings.Split(imported, "/")[0], ".") && !strings.HasPrefix(imported, module+"/")
			if (name == "shared/es" || name == "shared/core") && foreign && !strings.HasPrefix(imported, nextJSON) {
				t.Errorf("%s imports %s: beside the tree, it may import the standard library and %s only", name, imported, nextJSON)
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

// A test of a domain needs no store, and the drivers of none.
func TestTestsOfDomainsNeedNoStore(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "./shared/es/estest")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		for _, store := range []string{module + "/shared/jetstream", module + "/shared/postgres", "github.com/nats-io/", "github.com/jackc/"} {
			if strings.HasPrefix(name, store) {
				t.Errorf("shared/es/estest needs %s", name)
			}
		}
	}
}
