package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// literal returns the value of a string or number in the source, and nothing for other expressions.
func literal(e ast.Expr) string {
	basic, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	if text, err := strconv.Unquote(basic.Value); err == nil {
		return text
	}
	return basic.Value
}

// wireOf returns what a node of the source promises to clients over HTTP: a problem "problem 404 unknown-route", a route
// "route /v1/views/{view}". It is empty for other nodes.
func wireOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CompositeLit:
		fields := map[string]string{}
		for _, element := range n.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				if key, ok := pair.Key.(*ast.Ident); ok {
					fields[key.Name] = literal(pair.Value)
				}
			}
		}
		if fields["Status"] != "" && fields["Code"] != "" {
			return "problem " + fields["Status"] + " " + fields["Code"]
		}
	case *ast.CallExpr:
		for _, argument := range n.Args {
			if _, ok := n.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(literal(argument), "/v1/") && !strings.HasSuffix(literal(argument), "/") {
				return "route " + literal(argument)
			}
		}
	}
	return ""
}

// The codes of problems and the routes of the HTTP APIs are those of their golden file: programs of clients depend on them.
func TestTheWireIsPromised(t *testing.T) {
	t.Parallel()
	var got []string
	for _, room := range []string{"shared/problem", "shared/httpapi"} {
		files, err := filepath.Glob(filepath.Join(root, room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if line := wireOf(n); line != "" {
					got = append(got, line)
				}
				return true
			})
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	golden := filepath.Join("testdata", "api", "http.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if found := changes(strings.Split(strings.TrimSpace(string(want)), "\n"), got); len(found) > 0 {
		t.Errorf("the problem codes or the HTTP routes have changed:\n\t%s\nA line that is gone breaks clients. To accept the change, name it in CHANGELOG.md under Unreleased, and run\n"+
			"\tgo test ./tests/arch -run TestTheWireIsPromised -update", strings.Join(found, "\n\t"))
	}
}
