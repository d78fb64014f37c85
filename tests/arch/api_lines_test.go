package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// checkSource type-checks a package that imports only these.
func checkSource(t *testing.T, path, source string, imports ...*types.Package) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "example.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&types.Config{Importer: given(imports)}).Check(path, fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// given imports packages that are there.
type given []*types.Package

func (g given) Import(path string) (*types.Package, error) {
	if i := slices.IndexFunc(g, func(p *types.Package) bool { return p.Path() == path }); i >= 0 {
		return g[i], nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

func TestLinesOfAnAPI(t *testing.T) {
	t.Parallel()
	p := checkSource(t, "example", `package example
		const Max, small = 3, 1
		var Err error
		type hidden struct { Name string; unseen int }
		func (*hidden) Rename(name string) {}
		func (hidden) secret() {}
		type Shown = hidden
		type Fold[S any] func(S) S
		type Base struct{}
		func (Base) Close() error { return nil }
		type Of[S comparable] struct { Base; Folds []Fold[S] }
		type Def interface { Name() string; compile() }
		func Make[S any](folds ...Fold[S]) (Def, error) { return nil, nil }`)
	want := []string{
		"type Base struct", "method Base.Close() error",
		"type Def interface", "method Def.Name() string", "interface Def has unexported methods",
		"var Err error",
		"type Fold[S any] func(S) S",
		"func Make[S any](folds ...Fold[S]) (Def, error)",
		"const Max untyped int = 3",
		"type Of[S comparable] struct", "field Of.Base (embedded) Base", "field Of.Folds []Fold[S]", "method Of.Close() error",
		"type Shown = hidden", "field Shown.Name string", "method (*Shown).Rename(name string)",
	}
	if got := apiOf(p); !slices.Equal(got, want) {
		t.Errorf("the API is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestChangesOfAnAPIAreFound(t *testing.T) {
	t.Parallel()
	got := changes([]string{"var A int", "var B int", "var C int"}, []string{"var A int", "var B string", "var C int", "var D int"})
	if want := []string{"- var B int", "+ var B string", "+ var D int"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
