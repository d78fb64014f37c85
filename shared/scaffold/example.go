package scaffold

import (
	"cmp"
	"go/ast"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// beginning returns the first event of the aggregate, and the command that leads to it in Go, without the package: "Open{Owner:
// "Ada"}". The command is empty where the source does not show it.
func (a *decider) beginning() (event, command string) {
	events := a.events()
	if len(events) == 0 || events[0].typeName == "" {
		return "", ""
	}
	event = events[0].typeName
	for _, r := range a.commands() {
		if m, ok := a.methods[r.method]; ok && mentions(m.decl.Body, event) {
			if command = a.context.example(r.typeName); command != "" {
				return event, command
			}
		}
	}
	return event, ""
}

// example returns a value of a struct in Go, with the examples of its tags. It is empty where a field is no text, number or truth
// value.
func (b *bounded) example(typeName string) string {
	_, _, spec := b.typeDecl(typeName)
	if spec == nil {
		return ""
	}
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return ""
	}
	var fields []string
	for _, f := range structure.Fields.List {
		var tag reflect.StructTag
		if f.Tag != nil {
			tag = reflect.StructTag(unquote(f.Tag))
		}
		value := exampleValue(identifier(f.Type), tag.Get("example"))
		if value == "" || len(f.Names) == 0 {
			return ""
		}
		for _, n := range f.Names {
			fields = append(fields, n.Name+": "+value)
		}
	}
	return typeName + "{" + strings.Join(fields, ", ") + "}"
}

// exampleValue is an example in Go.
func exampleValue(typeName, example string) string {
	switch {
	case typeName == "string":
		return strconv.Quote(cmp.Or(example, "text"))
	case typeName == "bool":
		return cmp.Or(example, "true")
	case slices.Contains([]string{"int", "int32", "int64", "uint", "float64"}, typeName):
		return cmp.Or(example, "1")
	}
	return ""
}

// mentions reports whether code has an identifier of this name.
func mentions(code ast.Node, name string) (found bool) {
	ast.Inspect(code, func(n ast.Node) bool {
		if i, ok := n.(*ast.Ident); ok && i.Name == name {
			found = true
		}
		return !found
	})
	return found
}

// guarded reports whether the state knows that an instance exists, as that of a new aggregate does: its first event sets the field
// Exists.
func (a *decider) guarded() bool {
	_, _, spec := a.context.typeDecl(a.state)
	events := a.events()
	if len(events) == 0 || !slices.Contains(fieldNames(spec), "Exists") {
		return false
	}
	m, ok := a.methods[events[0].method]
	return ok && mentions(m.decl.Body, "Exists")
}

// modules returns the arguments with which a test of a context starts the platform, and the import that these need: the module of
// the context alone, unless it reacts to those of others.
func (d *Domain) modules(b *bounded) (arguments, imported string) {
	for _, s := range b.sources {
		for _, function := range []string{"StartNamed", "WhenNamed", "SendNamed"} {
			if mentions(s.syntax, function) {
				return "domain.Modules()...", "domain"
			}
		}
	}
	return b.pkg + ".Module()", "."
}
