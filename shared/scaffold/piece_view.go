package scaffold

import (
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// ViewOptions are the parts of a new view.
type ViewOptions struct {
	Aggregate string   // whose events it folds; the default is the only aggregate of the context
	Events    []string // the default is all events of the aggregate
}

// View adds a view with one document for each instance of an aggregate.
func (d *Domain) View(context, text string, o ViewOptions) error {
	b, err := d.context(context)
	if err != nil {
		return err
	}
	n, err := parseName("view", text)
	if err != nil {
		return err
	}
	view, exists := b.find("View", "Name", n.kebab())
	names := viewNames(b.pkg, n)
	if exists {
		if names.variable = view.variable; names.variable == "" {
			return nil // made by a function, which the module calls
		}
	}
	if !exists || d.force {
		if err := d.writeView(b, n, names, o); err != nil {
			return err
		}
	}
	return d.listPiece(b, "Views", "ViewDef", names.variable)
}

type viewIdentifiers struct {
	file     string // without its extension
	document string
	variable string
	test     string
}

// viewNames returns the Go names of a view: TransferSummary and Transfers for "transfers", AccountBalance and AccountBalances for
// "account-balance".
func viewNames(pkg string, n name) viewIdentifiers {
	n = n.trimmed("view")
	names := viewIdentifiers{file: n.file() + "_view", test: "Test" + n.pascal() + "View"}
	n = n.in(pkg)
	last := len(n.words) - 1
	one, isPlural := singular(n.words[last])
	switch many := n.plural(); {
	case isPlural:
		names.document, names.variable = name{n.words[:last], n.spells[:last]}.then(word(one), word("summary")).in(pkg).pascal(), n.pascal()
	case many.pascal() == n.pascal():
		names.document, names.variable = n.pascal(), n.pascal()+"View"
	default:
		names.document, names.variable = n.pascal(), many.pascal()
	}
	return names
}

func (d *Domain) writeView(b *bounded, n name, names viewIdentifiers, o ViewOptions) error {
	const longest = 40
	if len(n.kebab()) > longest {
		return fmt.Errorf("view %q has %d bytes, and the name of its table has room for %d: choose a shorter name", n.kebab(), len(n.kebab()), longest)
	}
	if n.kebab() == processes.ViewName {
		return fmt.Errorf("view %q is that of process instances: choose another name", n.kebab())
	}
	if err := d.unique(b, []string{"View"}, "Name", n); err != nil {
		return err
	}
	a, err := d.aggregateOf(b, "view", n, o.Aggregate)
	if err != nil {
		return err
	}
	events, err := a.chosenEvents(o.Events)
	if err != nil {
		return err
	}
	file, test := b.file(names.file+".go"), b.file(names.file+"_test.go")
	if err := b.claim(n, "view", []string{names.document, names.variable, names.test}, file, test); err != nil {
		return err
	}
	return d.write(b, map[string]any{
		"Document": names.document, "Variable": names.variable, "Name": n.kebab(), "One": a.category.spaced(), "Receiver": receiver(lowerName(names.document)),
		"Events": events, "Test": names.test,
	},
		pieceFile{file, "view.go", []string{"es"}}, pieceFile{test, "view_test.go", []string{"testing", "estest", "."}})
}

// chosenEvent is an event of an aggregate in a piece that reacts to it.
type chosenEvent struct {
	Type   string // Go type
	Method string // of the piece: "shipped"
	Status string // "shipped"
}

// chosenEvents returns the events of these names, or all.
func (a *decider) chosenEvents(texts []string) (chosen []chosenEvent, err error) {
	all := a.events()
	if len(texts) == 0 {
		for _, r := range all {
			texts = append(texts, r.name)
		}
	}
	for _, text := range texts {
		n, err := parseName("event", text)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(r registration) bool { return r.name == n.pascal() || r.name == text })
		if i < 0 || all[i].typeName == "" {
			var names []string
			for _, r := range all {
				names = append(names, r.name)
			}
			return nil, fmt.Errorf("aggregate %q has no event %q; it has %s: add it with %s", a.name, text, listed(names), a.context.tool.new("event %s %s %s", a.context.pkg, a.name, n.pascal()))
		}
		short := n.without(a.category)
		method := short.camel()
		if token.IsKeyword(method) || slices.ContainsFunc(chosen, func(c chosenEvent) bool { return c.Method == method }) {
			method = "on" + n.pascal()
		}
		if !slices.ContainsFunc(chosen, func(c chosenEvent) bool { return c.Type == all[i].typeName }) {
			chosen = append(chosen, chosenEvent{all[i].typeName, method, short.kebab()})
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("aggregate %q has no events: add one with %s", a.name, a.context.tool.new("event %s %s NAME", a.context.pkg, a.name))
	}
	return chosen, nil
}

// aggregateOf returns the aggregate that a piece is about: the one of this name, else the only one of the context.
func (d *Domain) aggregateOf(b *bounded, kind string, n name, text string) (*decider, error) {
	byHand := fmt.Sprintf("write the %s by hand", kind)
	if text != "" {
		return d.decider(b, text, byHand)
	}
	var names []string
	for _, other := range b.definitions("Decider", "Category") {
		names = append(names, other.name)
	}
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("%s %q needs an aggregate, and context %s has none: make one with %s", kind, n.kebab(), b.pkg, b.tool.new("aggregate %s NAME", b.pkg))
	case 1:
		return d.decider(b, names[0], byHand)
	}
	return nil, fmt.Errorf("%s %q may be about %s: choose one with --aggregate", kind, n.kebab(), choices(names))
}

// trimmed returns the name without a last word that only repeats what it names.
func (n name) trimmed(kind string) name {
	if last := len(n.words) - 1; last > 0 && n.words[last] == kind {
		return name{n.words[:last], n.spells[:last]}
	}
	return n
}

// lowerName is the name of a Go identifier.
func lowerName(identifier string) name {
	return word(strings.ToLower(identifier))
}
