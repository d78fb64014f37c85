package scaffold

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// decider is an aggregate of the domain, as its source shows it.
type decider struct {
	definition
	context  *bounded
	category name
	state    string // Go type
	methods  map[string]method
}

// registration is a command or an event in a list of a decider: es.Handle("ship", Order.ship).
type registration struct {
	name     string // "ship"
	method   string // "ship", empty for a function of another kind
	typeName string // Go type of the command or event, empty where it is not known
}

// decider returns the aggregate of this name. byHand is what the user adds where the source has no place for it.
func (d *Domain) decider(b *bounded, text, byHand string) (*decider, error) {
	n, err := parseName("aggregate", text)
	if err != nil {
		return nil, err
	}
	all := b.definitions("Decider", "Category")
	i := slices.IndexFunc(all, func(d definition) bool { return d.name == n.kebab() || d.name == text })
	if i < 0 {
		var names []string
		for _, other := range all {
			names = append(names, other.name)
		}
		return nil, fmt.Errorf("context %s has no aggregate %q; it has %s: make it with %s", b.pkg, text, listed(names), b.tool.new("aggregate %s %s", b.pkg, n.kebab()))
	}
	a := &decider{definition: all[i], context: b, category: n}
	if len(a.args) == 1 {
		a.state = a.args[0]
	}
	if source, _, _ := b.typeDecl(a.state); source == nil {
		return nil, fmt.Errorf("%s: the state of aggregate %q is no type of the package, so it can't get a method: %s", a.source.path, a.name, byHand)
	}
	if !ast.IsExported(a.variable) {
		return nil, fmt.Errorf("%s: aggregate %q is no exported variable, so a test can't use it: %s", a.source.path, a.name, byHand)
	}
	if a.source.imported(b.es) != "es" {
		return nil, fmt.Errorf("%s imports the package es under another name: %s", a.source.path, byHand)
	}
	a.methods = b.methods(a.state)
	return a, nil
}

// registered returns the commands or events of the aggregate: those of the field Decide made by Handle, or Evolve by Apply.
func (a *decider) registered(fieldName, function string) (all []registration) {
	list, ok := field(a.literal, fieldName).(*ast.CompositeLit)
	if !ok {
		return nil
	}
	es := a.source.imported(a.context.es)
	for _, element := range list.Elts {
		ast.Inspect(element, func(n ast.Node) bool { // below Doc and Internal
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if _, ok := instance(call.Fun, es, function); !ok || len(call.Args) < 2 {
				return true
			}
			r := registration{name: text(call.Args[0])}
			switch f := call.Args[1].(type) {
			case *ast.SelectorExpr:
				r.method = f.Sel.Name
				if m, ok := a.methods[r.method]; ok {
					r.typeName = lastParameter(m.decl.Type)
				}
			case *ast.FuncLit:
				r.typeName = lastParameter(f.Type)
			}
			all = append(all, r)
			return false
		})
	}
	return all
}

func (a *decider) commands() []registration { return a.registered("Decide", "Handle") }
func (a *decider) events() []registration   { return a.registered("Evolve", "Apply") }

// lastParameter is the type of the last parameter of a function, empty where it is no identifier.
func lastParameter(f *ast.FuncType) string {
	if f.Params == nil || len(f.Params.List) == 0 {
		return ""
	}
	return identifier(f.Params.List[len(f.Params.List)-1].Type)
}

// register adds a call to the commands or events of the aggregate.
func (a *decider) register(fieldName, listType, call, byHand string) error {
	switch list := field(a.literal, fieldName).(type) {
	case nil:
		a.source.addField(a.literal, deciderFields[:slices.Index(deciderFields, fieldName)],
			fmt.Sprintf("%s: es.%s[%s]{\n%s,\n}", fieldName, listType, a.state, call))
	case *ast.CompositeLit:
		a.source.addElement(list, call, true)
	default:
		return fmt.Errorf("%s: the field %s of aggregate %q is no list es.%s[%s]{…}: %s", a.source.path, fieldName, a.name, listType, a.state, byHand)
	}
	return nil
}

// deciderFields are the fields of a decider, in their order.
var deciderFields = []string{"Category", "Initial", "Decide", "Evolve"}

// addType inserts a declaration beside that of the last of the other types that the package declares, else before the state.
// heading is the comment of a group that is new.
func (a *decider) addType(others []registration, heading, comment, spec string) *goFile {
	for _, other := range slices.Backward(others) {
		s, group, _ := a.context.typeDecl(other.typeName)
		if s == nil || other.typeName == a.state {
			continue
		}
		if group.Lparen.IsValid() {
			s.insert(s.offset(group.Rparen), "\n"+comment+"\n"+spec+"\n")
		} else {
			s.insert(s.lineEnd(s.offset(group.End())), "\n\n"+comment+"\ntype "+spec)
		}
		return s
	}
	s, group, _ := a.context.typeDecl(a.state)
	start := group.Pos()
	if group.Doc != nil {
		start = group.Doc.Pos()
	}
	s.insert(s.offset(start), heading+"\ntype (\n"+comment+"\n"+spec+"\n)\n\n")
	return s
}

// addMethod inserts a method of the state behind the last one of the others, else at the end of the state's file.
func (a *decider) addMethod(others []registration, code string) *goFile {
	for _, other := range slices.Backward(others) {
		if m, ok := a.methods[other.method]; ok {
			m.source.insert(m.source.lineEnd(m.source.offset(m.decl.End())), "\n\n"+code)
			return m.source
		}
	}
	s, _, _ := a.context.typeDecl(a.state)
	s.insert(len(s.text), "\n"+code+"\n")
	return s
}

// receiver is the name of the receiver of the state's methods.
func (a *decider) receiver() string {
	for _, list := range [][]registration{a.events(), a.commands()} {
		for _, r := range list {
			if m, ok := a.methods[r.method]; ok && m.receiver != "" {
				return m.receiver
			}
		}
	}
	return receiver(a.category)
}

// methodName returns the first of the names that no method and no field of the state has, and that is no keyword.
func (a *decider) methodName(names ...string) string {
	_, _, spec := a.context.typeDecl(a.state)
	fields := fieldNames(spec)
	for _, n := range names {
		if _, taken := a.methods[n]; !taken && !slices.Contains(fields, n) && !token.IsKeyword(n) {
			return n
		}
	}
	return names[len(names)-1]
}

// fieldNames are the names of the fields of a struct.
func fieldNames(spec *ast.TypeSpec) (names []string) {
	if structure, ok := spec.Type.(*ast.StructType); ok {
		for _, f := range structure.Fields.List {
			for _, n := range f.Names {
				names = append(names, n.Name)
			}
			if len(f.Names) == 0 { // embedded
				names = append(names, identifier(f.Type))
			}
		}
	}
	return names
}
