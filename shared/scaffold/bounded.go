package scaffold

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// bounded is the package of a bounded context, parsed.
type bounded struct {
	dir     string // "domain/billing"
	pkg     string // "billing"
	sources []*goFile
	es      string // import path of the package es
	tool    tool
}

// definition is a composite literal of the package es: es.Decider[Order]{…}.
type definition struct {
	source   *goFile
	literal  *ast.CompositeLit
	name     string   // the value of its field Name or Category
	args     []string // type arguments; empty texts for those that are no identifiers
	variable string   // that holds it, empty for none
}

// definitions returns the literals of a type of the package es outside of tests, which are named by a field.
func (b *bounded) definitions(kind, nameField string) (found []definition) {
	for _, s := range b.sources {
		es := s.imported(b.es)
		if es == "" || s.isTest() {
			continue
		}
		variables := s.variables()
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if args, ok := instance(literal.Type, es, kind); ok {
				found = append(found, definition{s, literal, text(field(literal, nameField)), args, variables[literal]})
			}
			return true
		})
	}
	return found
}

// find returns the definition of this name.
func (b *bounded) find(kind, nameField, name string) (definition, bool) {
	all := b.definitions(kind, nameField)
	if i := slices.IndexFunc(all, func(d definition) bool { return d.name == name }); i >= 0 {
		return all[i], true
	}
	return definition{}, false
}

// instance reports whether an expression is pkg.kind, or an instance of it, and returns the type arguments.
func instance(e ast.Expr, pkg, kind string) (args []string, ok bool) {
	switch generic := e.(type) {
	case *ast.IndexExpr:
		e, args = generic.X, []string{identifier(generic.Index)}
	case *ast.IndexListExpr:
		e = generic.X
		for _, arg := range generic.Indices {
			args = append(args, identifier(arg))
		}
	}
	selector, ok := e.(*ast.SelectorExpr)
	return args, ok && identifier(selector.X) == pkg && selector.Sel.Name == kind
}

// field returns the value of a field of a literal, nil where it has none.
func field(literal *ast.CompositeLit, name string) ast.Expr {
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok && identifier(pair.Key) == name {
			return pair.Value
		}
	}
	return nil
}

// text returns the value of a string literal, empty for another expression.
func text(e ast.Expr) string {
	if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		return unquote(literal)
	}
	return ""
}

// variables returns the names of the variables of the package by their values.
func (s *goFile) variables() map[ast.Expr]string {
	names := map[ast.Expr]string{}
	for _, decl := range s.syntax.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			if values, ok := spec.(*ast.ValueSpec); ok && len(values.Values) == len(values.Names) {
				for i, value := range values.Values {
					names[value] = values.Names[i].Name
				}
			}
		}
	}
	return names
}

// declared returns the path of the file that declares a name in the package, or in its external tests. Files in except do not
// count.
func (b *bounded) declared(name string, tests bool, except ...string) (file string, ok bool) {
	for _, s := range b.sources {
		if slices.Contains(except, s.path) || tests != strings.HasSuffix(s.syntax.Name.Name, "_test") {
			continue
		}
		if s.declares(name) {
			return s.path, true
		}
	}
	return "", false
}

// declares reports whether the file declares a name at the level of the package.
func (s *goFile) declares(name string) bool {
	return slices.ContainsFunc(s.syntax.Decls, func(decl ast.Decl) bool {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			return decl.Recv == nil && decl.Name.Name == name
		case *ast.GenDecl:
			return slices.ContainsFunc(decl.Specs, func(spec ast.Spec) bool { return slices.Contains(specNames(spec), name) })
		}
		return false
	})
}

func specNames(spec ast.Spec) (names []string) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return []string{spec.Name.Name}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// claim returns an error where a name that a piece needs is declared outside of the piece's files. Names of tests begin with Test.
func (b *bounded) claim(what name, kind string, names []string, except ...string) error {
	for _, n := range names {
		if file, ok := b.declared(n, strings.HasPrefix(n, "Test"), except...); ok {
			return fmt.Errorf("%s %q needs the name %s, which %s declares already: choose another name", kind, what.kebab(), n, file)
		}
	}
	return nil
}

// method is a method of a type of the package.
type method struct {
	source   *goFile
	decl     *ast.FuncDecl
	receiver string
}

// methods returns the methods of a type by name.
func (b *bounded) methods(typeName string) map[string]method {
	found := map[string]method{}
	for _, s := range b.sources {
		for _, decl := range s.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || len(f.Recv.List) != 1 {
				continue
			}
			of := f.Recv.List[0].Type
			if pointer, ok := of.(*ast.StarExpr); ok {
				of = pointer.X
			}
			if identifier(of) != typeName {
				continue
			}
			m := method{source: s, decl: f}
			if names := f.Recv.List[0].Names; len(names) > 0 && names[0].Name != "_" {
				m.receiver = names[0].Name
			}
			found[f.Name.Name] = m
		}
	}
	return found
}

// typeDecl returns the file and the declaration of a type, and its specification.
func (b *bounded) typeDecl(name string) (*goFile, *ast.GenDecl, *ast.TypeSpec) {
	for _, s := range b.sources {
		if s.isTest() {
			continue
		}
		for _, decl := range s.syntax.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, spec := range group.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.Name == name {
					return s, group, spec
				}
			}
		}
	}
	return nil, nil, nil
}

// sourceOf returns the file of this path, nil for none.
func (b *bounded) sourceOf(file string) *goFile {
	if i := slices.IndexFunc(b.sources, func(s *goFile) bool { return s.path == file }); i >= 0 {
		return b.sources[i]
	}
	return nil
}

// file is the path of a file of the context.
func (b *bounded) file(name string) string { return path.Join(b.dir, name) }
