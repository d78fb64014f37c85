package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	qualified  = regexp.MustCompile(`^([a-z]+)\.([A-Za-z]\w*)`)
	testName   = regexp.MustCompile(`^(Test|Benchmark|Fuzz)[A-Z]\w*$`)
	treePath   = regexp.MustCompile(`^(shared|domain|services|cmd|tests|deploy|docs)(/[\w.-]+)+$`)
)

// inReadersTree are paths that a reader of a guide makes.
var inReadersTree = map[string]bool{
	"domain/library/library.go": true, "domain/library/exchange.go": true, "domain/library/loan.go": true,
	"deploy/rootfs.sh": true, "deploy/nats.conf": true, "deploy/kustomization.yaml": true, // of a project
	"domain/billing/invoice.go": true, "domain/billing/rules_test.go": true, "domain/billing/fortnight_test.go": true,
	"domain/billing/settlement.go": true, "domain/billing/settlement_test.go": true,
}

// dataFiles are files of a data directory, whose names look like those of declarations.
var dataFiles = map[string]bool{"dev.json": true, "dev.lock": true, "postgres.path": true}

// treeNames are the declarations of the tree: by package name, and the tests.
func treeNames(t *testing.T) (declared map[string]map[string]bool, tests map[string]bool) {
	t.Helper()
	declared, tests = map[string]map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2) {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		into := tests
		if !strings.HasSuffix(path, "_test.go") {
			if declared[file.Name.Name] == nil {
				declared[file.Name.Name] = map[string]bool{}
			}
			into = declared[file.Name.Name]
		}
		for _, d := range file.Decls {
			addNames(into, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared, tests
}

func addNames(into map[string]bool, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		into[d.Name.Name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				into[s.Name.Name] = true
			case *ast.ValueSpec:
				for _, name := range s.Names {
					into[name.Name] = true
				}
			}
		}
	}
}

// The paths, the tests and the names of packages that the documents mention are in the tree.
func TestTheNamesOfTheDocumentsExist(t *testing.T) {
	t.Parallel()
	declared, tests := treeNames(t)
	maps.Copy(declared["process"], declared["processes"]) // the types of its events are written process.Reacted
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range inlineCode.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			name := found[1]
			if parts := qualified.FindStringSubmatch(name); parts != nil && declared[parts[1]] != nil && !declared[parts[1]][parts[2]] && !strings.HasSuffix(name, ".go") && !dataFiles[name] {
				t.Errorf("%s: package %s declares no %s", page, parts[1], parts[2])
			}
			if testName.MatchString(name) && !tests[name] {
				t.Errorf("%s: there is no %s", page, name)
			}
			if treePath.MatchString(name) && !inReadersTree[name] {
				if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
					t.Errorf("%s: there is no %s", page, name)
				}
			}
		}
	}
}
