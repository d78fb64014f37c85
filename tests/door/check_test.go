package door

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// missing ends a test that needs a program which is not installed. In CI, which installs all of them, that is a failure.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: .ci/run installs it", program)
	}
	t.Skipf("%s is missing, so the test ends here", program)
}

var linterVersion = regexp.MustCompile(`(?m)^LINTER=(\S+)$`)

// findLinter returns the path of the linter that .ci/run installs.
func findLinter(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	version := linterVersion.FindSubmatch(script)
	if version == nil {
		t.Fatal(".ci/run names no version of the linter")
	}
	path, err := filepath.Abs("../../bin/tools/golangci-lint-" + string(version[1]))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		missing(t, "the linter "+path)
	}
	return path
}

// lint runs the linter on a project.
func lint(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, findLinter(t), "run", "--allow-parallel-runners", "./...")
}

// check runs the script of a project with all its checks: format, vet, linter, tests. The race detector is left out: it would compile
// all dependencies once more.
func check(t *testing.T, dir string) {
	t.Helper()
	linter := findLinter(t)
	tools := filepath.Join(dir, "bin", "tools")
	err := os.MkdirAll(tools, 0o700)
	if err == nil {
		err = os.Symlink(linter, filepath.Join(tools, filepath.Base(linter)))
	}
	if err != nil {
		t.Fatal(err)
	}
	// The linter of the script waits for no other one: its lock is in the directory of temporary files.
	run(t, dir, "env", "TMPDIR="+t.TempDir(), ".ci/run", "-race=false")
}

// needNoSamples checks that neither a project nor its tool builds a sample of this repository.
func needNoSamples(t *testing.T, dir string) {
	t.Helper()
	const module = "github.com/orchestrix-go/orchestrix"
	deps := run(t, dir, "go", "list", "-deps", ".", "tool")
	if !strings.Contains(deps, module+"/shared/scaffold") {
		t.Errorf("the project has no tool:\n%s", deps)
	}
	if strings.Contains(deps, module+"/domain") {
		t.Error("the project builds the samples")
	}
}
