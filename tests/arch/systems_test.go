package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// otherSystems are the systems beside Linux that the product is built for.
var otherSystems = []string{"windows", "darwin", "freebsd"}

// sources is a package in the output of go list. The packages it imports precede it.
type sources struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string // import path in the source to ImportPath
	DepOnly    bool              // imported only
}

// checker type-checks packages for one operating system from their sources. This takes seconds; GOOS=… go vet would
// compile every imported package for that system first, which takes minutes.
type checker struct {
	fset    *token.FileSet
	checked map[string]*types.Package // by ImportPath
	current sources
	errors  []error // of the packages of the module
}

// Import returns a package that the current one imports, by the path in its source.
func (c *checker) Import(path string) (*types.Package, error) {
	if mapped, ok := c.current.ImportMap[path]; ok {
		path = mapped
	}
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p, ok := c.checked[path]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("%s is not listed before %s", path, c.current.ImportPath)
}

// check type-checks a package: completely if it belongs to the module, only its declarations if it is imported.
func (c *checker) check(p sources) error {
	c.current = p
	files := make([]*ast.File, len(p.GoFiles))
	for i, name := range p.GoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		file, err := parser.ParseFile(c.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files[i] = file
	}
	config := types.Config{
		Importer: c, IgnoreFuncBodies: p.DepOnly, FakeImportC: true, Sizes: types.SizesFor("gc", "amd64"),
		Error: func(err error) {
			if !p.DepOnly {
				c.errors = append(c.errors, err)
			}
		},
	}
	path, _, _ := strings.Cut(p.ImportPath, " ") // of "path [tests.test]"
	checked, _ := config.Check(path, c.fset, files, nil)
	c.checked[p.ImportPath] = checked
	return nil
}

// checkFor type-checks the packages of patterns and their tests for an operating system, and returns the type errors.
func checkFor(t *testing.T, system, dir string, patterns ...string) []error {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,DepOnly"}, patterns...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	command.Stderr = t.Output()
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", system, err)
	}
	c := checker{fset: token.NewFileSet(), checked: map[string]*types.Package{}}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p sources
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(p.ImportPath, ".test") {
			continue // the generated main package
		}
		if err := c.check(p); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.checked) == 0 {
		t.Errorf("no packages for %s", system)
	}
	return c.errors
}

func TestTheTreeCompilesForOtherSystems(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("type-checks every imported package for three systems")
	}
	for _, system := range otherSystems {
		t.Run(system, func(t *testing.T) { // one after the other: each takes hundreds of megabytes
			for _, dir := range userModules() {
				for _, err := range checkFor(t, system, filepath.Join(root, dir), "./...") {
					t.Error(err)
				}
			}
		})
	}
}

func TestErrorsForOneSystemAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, body := range map[string]string{
		"go.mod":         "module example\n\ngo " + strings.TrimPrefix(runtime.Version(), "go") + "\n",
		"a.go":           "package example\n\nvar _ = size()\n",
		"size_linux.go":  "package example\n\nfunc size() int { return 1 }\n",
		"size_darwin.go": "package example\n\nfunc size() int { return 2 }\n",
		"a_test.go":      "package example_test\n\nimport \"syscall\"\n\nvar _ = syscall.Kill\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found := checkFor(t, "darwin", dir, "./..."); len(found) != 0 {
		t.Errorf("for darwin: %v", found)
	}
	found := fmt.Sprint(checkFor(t, "windows", dir, "./..."))
	for _, want := range []string{"a.go:3:9: undefined: size", "a_test.go:5:17: undefined: syscall.Kill"} {
		if !strings.Contains(found, want) {
			t.Errorf("for windows: %s, want %s", found, want)
		}
	}
}
