package arch

import (
	"slices"
	"strings"
	"testing"
)

// floors are the rooms of the tree from the ground up. A package imports packages of lower floors only, so no import
// points upward and there is no circle.
var floors = [][]string{
	{"shared/retry", "shared/clip", "shared/build", "shared/redact"},
	{"shared/core", "shared/loadgen", "shared/local"},
	{"shared/processes", "shared/cloudevents", "shared/port", "shared/tracing", "shared/schema", "shared/local/localtest", "shared/es/internal/bridge"},
	{"shared/es", "shared/port/*", "shared/memory", "shared/jetstream", "shared/postgres", "shared/backup", "shared/runtime"},
	{"domain/*", "shared/es/compile", "shared/scaffold", "shared/problem", "shared/runtime/command", "shared/runtime/follower"},
	{"domain", "shared/scaffold/cli", "shared/runtime/async", "shared/runtime/projection", "shared/runtime/process", "shared/runtime/query"},
	{"shared/runtime/verify", "shared/observe", "shared/httpapi", "shared/adminapi"},
	{"shared/service", "shared/es/estest"},
	{"shared/platform"},
	{"shared/dev", "shared/tool"},
	{"shared/app"},
	{"services/*", "cmd/*", "cmd/project/*"},
	{"tests/*", "tests/compose/*", "deploy/observe/generate", "shared/runtime/runtimetest"}, // imported by tests only
}

// floorOf is -1 for a package without a floor.
func floorOf(name string) int {
	return slices.IndexFunc(floors, func(rooms []string) bool {
		return slices.ContainsFunc(rooms, func(pattern string) bool { return matches(pattern, name) })
	})
}

// upward are the imports of a package that are not on a lower floor.
func upward(name string, imports []string) []string {
	return slices.DeleteFunc(slices.Clone(imports), func(imported string) bool { return floorOf(imported) < floorOf(name) })
}

func TestNoImportPointsUpward(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if floorOf(p.name()) < 0 {
			t.Errorf("%s has no floor: add it to the table of this test", p.name())
			continue
		}
		for _, imported := range upward(p.name(), p.ownImports()) {
			t.Errorf("%s (floor %d) imports %s (floor %d): imports point to lower floors", p.name(), floorOf(p.name()), imported, floorOf(imported))
		}
	}
}

func TestUpwardImportsAreFound(t *testing.T) {
	t.Parallel()
	imports := []string{"shared/core", "shared/runtime/process", "shared/runtime/projection", "shared/httpapi"}
	if got, want := strings.Join(upward("shared/runtime/query", imports), " "), strings.Join(imports[1:], " "); got != want {
		t.Errorf("upward imports are %s, want %s", got, want)
	}
}
