package es_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// The package is read by authors as a whole, so it stays small. Counted are the exported names at package level: types,
// functions, variables and constants, each once. Methods and fields do not count.
func TestExportedNames(t *testing.T) {
	t.Parallel()
	const most = 90
	names := exportedNames(t)
	if len(names) > most {
		t.Errorf("the package exports %d names, at most %d are allowed; put what is not for every author into another package:\n%s",
			len(names), most, strings.Join(names, " "))
	}
	for _, name := range []string{"Decider", "On", "Send", "Text", "ErrNotFound", "Event"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not counted", name)
		}
	}
}

func exportedNames(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			for _, name := range declaredNames(d) {
				if name.IsExported() {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

func declaredNames(d ast.Decl) (names []*ast.Ident) {
	if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
		return []*ast.Ident{f.Name}
	}
	g, ok := d.(*ast.GenDecl)
	if !ok {
		return nil
	}
	for _, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			names = append(names, s.Name)
		case *ast.ValueSpec:
			names = append(names, s.Names...)
		}
	}
	return names
}
