package scaffold

import (
	"fmt"
	"go/ast"
	"path"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Context adds an empty bounded context, and lists it in domain/domain.go.
func (d *Domain) Context(text string) error {
	n, err := parseName("context", text)
	if err != nil {
		return err
	}
	pkg := n.packageName()
	if n.kebab() == core.ProcessCategory {
		return fmt.Errorf("context %q: events of this module are those of process instances: choose another name", text)
	}
	if err := checkContext(pkg); err != nil {
		return err
	}
	all, err := d.contexts()
	if err != nil {
		return err
	}
	b := &bounded{dir: path.Join("domain", pkg), pkg: pkg, es: d.es, tool: d.tool}
	if i := slices.IndexFunc(all, func(b *bounded) bool {
		_, ok := b.find("Module", "Name", n.kebab())
		return ok
	}); i >= 0 {
		return d.listContext(all[i])
	}
	if slices.ContainsFunc(all, func(other *bounded) bool { return other.dir == b.dir }) {
		return fmt.Errorf("%s is the package of something else, since no es.Module in it has the name %q: choose another name", b.dir, n.kebab())
	}
	err = d.write(b, map[string]any{"Name": n.kebab()},
		pieceFile{b.file("module.go"), "module.go", []string{"es"}},
		pieceFile{b.file("module_test.go"), "module_test.go", []string{"testing", "estest", "."}})
	if err != nil {
		return err
	}
	return d.listContext(b)
}

// listContext adds a context to the list of domain/domain.go.
func (d *Domain) listContext(b *bounded) error {
	text, err := d.changes.Read(domainFile)
	if err != nil {
		return err
	}
	s, err := parseGo(domainFile, text)
	if err != nil {
		return err
	}
	importPath := d.path(b, ".")
	call := b.pkg + ".Module()"
	list := s.moduleList(d.es)
	if list == nil {
		return fmt.Errorf("%s has no function Modules that returns a list []es.Module{…}: add %s to the modules by hand", domainFile, call)
	}
	if name := s.imported(importPath); name != "" && slices.ContainsFunc(list.Elts, func(e ast.Expr) bool { return callsModule(e, name) }) {
		return nil
	}
	s.addElement(list, call, true)
	s.addImports(d.module, importPath)
	return d.commit(s)
}

// moduleList returns the literal []es.Module{…} of the function Modules, nil for none.
func (s *goFile) moduleList(esPath string) (list *ast.CompositeLit) {
	for _, decl := range s.syntax.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != "Modules" || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok || list != nil {
				return true
			}
			if array, ok := literal.Type.(*ast.ArrayType); ok {
				if _, ok := instance(array.Elt, s.imported(esPath), "Module"); ok {
					list = literal
				}
			}
			return true
		})
	}
	return list
}

// callsModule reports whether an expression is a call of pkg.Module.
func callsModule(e ast.Expr, pkg string) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	_, ok = instance(call.Fun, pkg, "Module")
	return ok
}

// moduleFields are the lists of a module, in their order.
var moduleFields = []string{"Name", "Deciders", "Views", "Queries", "Processes"}

// listPiece adds a definition to a list of the context's module.
func (d *Domain) listPiece(b *bounded, fieldName, element, variable string) error {
	modules := b.definitions("Module", "Name")
	byHand := fmt.Sprintf("add %s to the %s of the module by hand", variable, fieldName)
	if len(modules) != 1 {
		return fmt.Errorf("%s has %d literals es.Module{…}, and not one: %s", b.dir, len(modules), byHand)
	}
	s, module := modules[0].source, modules[0].literal
	switch value := field(module, fieldName).(type) {
	case nil:
		before := moduleFields[:slices.Index(moduleFields, fieldName)]
		s.addField(module, before, fmt.Sprintf("%s: []%s.%s{%s}", fieldName, s.imported(d.es), element, variable))
	case *ast.CompositeLit:
		if slices.ContainsFunc(value.Elts, func(e ast.Expr) bool { return identifier(e) == variable }) {
			return nil
		}
		s.addElement(value, variable, false)
	default:
		return fmt.Errorf("%s: the %s of the module are no list []es.%s{…}: %s", s.path, fieldName, element, byHand)
	}
	return d.commit(s)
}
