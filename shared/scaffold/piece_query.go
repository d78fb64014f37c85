package scaffold

import (
	"fmt"
	"slices"
)

// QueryOptions are the parts of a new query.
type QueryOptions struct {
	View string // that it reads; the default is the only view of the context
}

// Query adds a query that reads a view.
func (d *Domain) Query(context, text string, o QueryOptions) error {
	b, err := d.context(context)
	if err != nil {
		return err
	}
	n, err := parseName("query", text)
	if err != nil {
		return err
	}
	answer := n.trimmed("query").in(b.pkg).pascal()
	variable := answer + "Query"
	query, exists := b.find("Query", "Name", n.kebab())
	if exists {
		if variable = query.variable; variable == "" {
			return nil // made by a function, which the module calls
		}
	}
	if !exists || d.force {
		if err := d.writeQuery(b, n, answer, o); err != nil {
			return err
		}
	}
	return d.listPiece(b, "Queries", "QueryDef", variable)
}

func (d *Domain) writeQuery(b *bounded, n name, answer string, o QueryOptions) error {
	if err := d.unique(b, []string{"Query"}, "Name", n); err != nil {
		return err
	}
	view, err := viewOf(b, n, o.View)
	if err != nil {
		return err
	}
	short := n.trimmed("query").file() + "_query"
	file, test := b.file(short+".go"), b.file(short+"_test.go")
	if err := b.claim(n, "query", []string{answer, answer + "Params", answer + "Query", "Test" + answer + "Query"}, file, test); err != nil {
		return err
	}
	modules, imported := d.modules(b)
	return d.write(b, map[string]any{
		"Answer": answer, "Name": n.kebab(), "Doc": title(n.spaced()), "View": view.name, "Document": view.args[0], "Variable": view.variable,
		"Modules": modules, "Command": b.documentCommand(view.args[0]),
	},
		pieceFile{file, "query.go", []string{"context", "es"}}, pieceFile{test, "query_test.go", []string{"testing", "estest", ".", imported}})
}

// documentCommand returns a command in Go that leads to a document of this type, empty where the source does not show one.
func (b *bounded) documentCommand(document string) string {
	var folded []string // types of events
	for _, m := range b.methods(document) {
		for _, parameter := range m.decl.Type.Params.List {
			folded = append(folded, identifier(parameter.Type))
		}
	}
	for _, definition := range b.definitions("Decider", "Category") {
		if len(definition.args) != 1 {
			continue
		}
		a := &decider{definition: definition, context: b, state: definition.args[0], methods: b.methods(definition.args[0])}
		if event, command := a.beginning(); command != "" && slices.Contains(folded, event) {
			return command
		}
	}
	return ""
}

// viewOf returns the view of this name, else the only one of the context.
func viewOf(b *bounded, n name, text string) (definition, error) {
	var usable []definition
	var names []string
	for _, v := range b.definitions("View", "Name") {
		if v.variable != "" && len(v.args) == 1 && v.args[0] != "" && (text == "" || v.name == text || sameName(v.name, text)) {
			usable = append(usable, v)
		}
		names = append(names, v.name)
	}
	switch {
	case len(usable) == 1:
		return usable[0], nil
	case len(names) == 0:
		return definition{}, fmt.Errorf("query %q needs a view, and context %s has none: make one with %s", n.kebab(), b.pkg, b.tool.new("view %s NAME", b.pkg))
	case text != "":
		return definition{}, fmt.Errorf("context %s has no view %q; it has %s: make it with %s", b.pkg, text, listed(names), b.tool.new("view %s %s", b.pkg, text))
	}
	return definition{}, fmt.Errorf("query %q may read %s: choose one with --view", n.kebab(), choices(names))
}

// sameName reports whether two spellings are one name.
func sameName(wire, text string) bool {
	n, err := parseName("", text)
	return err == nil && n.kebab() == wire
}
