package scaffold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// CommandOptions are the parts of a new command.
type CommandOptions struct {
	Event    string // that an accepted command has; the default is made of both names: "OrderShipped" for "ship"
	Internal bool   // only processes may send the command
}

// Command adds a command to an aggregate, and its event.
func (d *Domain) Command(context, aggregate, text string, o CommandOptions) error {
	b, err := d.context(context)
	if err != nil {
		return err
	}
	n, err := parseName("command", text)
	if err != nil {
		return err
	}
	byHand := fmt.Sprintf("add es.Handle(%q, …) to its commands by hand", n.kebab())
	a, err := d.decider(b, aggregate, byHand)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(a.commands(), func(r registration) bool { return r.name == n.kebab() }) {
		return nil
	}
	event, err := eventName(b, a.category, n, o.Event)
	if err != nil {
		return err
	}
	eventType, known, err := a.laterEvent(event)
	if err != nil {
		return err
	}
	commandType := b.commandType(a.category, n, "")
	if err := b.claim(n, "command", []string{commandType}); err != nil {
		return err
	}
	method := a.methodName(n.camel(), "decide"+n.pascal())
	call := fmt.Sprintf("es.Handle(%q, %s.%s)", n.kebab(), a.state, method)
	if o.Internal {
		call += ".Internal()"
	} else {
		call += fmt.Sprintf(".Doc(%q)", commandDoc(a.category, n))
	}
	if err := a.register("Decide", "Commands", call, byHand); err != nil {
		return err
	}
	one := article(a.category.spaced())
	handler := a.addMethod(a.commands(), a.handlerCode(method, commandType, eventType))
	handler.addImports(d.module, d.es)
	changed := []*goFile{a.source, handler,
		a.addType(a.commands(), "// Commands of "+one+".", fmt.Sprintf("// %s is the command %q of %s.", commandType, n.kebab(), one), commandType+" struct{}"),
	}
	if !known {
		more, err := a.addEvent(event, eventType, method, fmt.Sprintf("means that the command %q was accepted.", n.kebab()))
		if err != nil {
			return err
		}
		changed = append(changed, more...)
	}
	if err := d.commit(changed...); err != nil {
		return err
	}
	first, _ := a.beginning()
	return d.addTest(a, testName(a.category, n), "command_test.go", map[string]any{
		"Command": commandType, "Event": eventType, "Guarded": a.guarded(), "Category": a.name, "First": first,
	}, "testing", "estest", ".")
}

// handlerCode is a decide function that accepts its command, of an instance that exists where the state knows that.
func (a *decider) handlerCode(method, commandType, eventType string) string {
	receiver, guard, states := a.receiver(), "", "every state"
	if a.guarded() {
		states = "every other state"
		guard = fmt.Sprintf("if !%s.Exists {\nreturn es.Reject(%q, %q)\n}\n", receiver, a.name+"-not-found", "there is no "+a.category.spaced()+" with this id")
	}
	return fmt.Sprintf("// %s accepts the command in %s: reject it with a code where a state forbids it.\nfunc (%s %s) %s(%s) ([]es.Event, error) {\n%sreturn es.Accept(%s{})\n}",
		method, states, receiver, a.state, method, commandType, guard, eventType)
}

// Event adds an event to an aggregate, without a command that leads to it.
func (d *Domain) Event(context, aggregate, text string) error {
	b, err := d.context(context)
	if err != nil {
		return err
	}
	n, err := parseName("event", text)
	if err != nil {
		return err
	}
	a, err := d.decider(b, aggregate, fmt.Sprintf("add es.Apply(%q, …) to its events by hand", n.pascal()))
	if err != nil {
		return err
	}
	eventType, known, err := a.eventType(n)
	if err != nil || known {
		return err
	}
	changed, err := a.addEvent(n, eventType, "", "is an event of "+article(a.category.spaced())+".")
	if err != nil {
		return err
	}
	if err := d.commit(changed...); err != nil {
		return err
	}
	return d.addTest(a, "Test"+n.pascal()+"IsApplied", "event_test.go", map[string]any{"Event": eventType}, "testing", "reflect", "estest", ".")
}

// laterEvent is eventType for an event of an instance that exists: it returns an error for the one that begins an instance.
func (a *decider) laterEvent(event name) (typeName string, known bool, err error) {
	typeName, known, err = a.eventType(event)
	if known && a.guarded() && a.events()[0].name == event.pascal() {
		return "", false, fmt.Errorf("event %s begins %s, and the command is for one that exists: name another event with --event", event.pascal(), article(a.category.spaced()))
	}
	return typeName, known, err
}

// eventType returns the Go type of an event of the aggregate, and whether it is registered.
func (a *decider) eventType(event name) (typeName string, known bool, err error) {
	kind := event.pascal()
	for _, r := range a.events() {
		if r.name == kind {
			return withDefault(r.typeName, kind), true, nil
		}
	}
	if err := core.CheckToken("event", kind); err != nil {
		return "", false, err
	}
	typeName = event.in(a.context.pkg).pascal()
	for _, other := range a.context.definitions("Decider", "Category") {
		if other.name == a.name {
			continue
		}
		of := &decider{definition: other, context: a.context}
		if slices.ContainsFunc(of.events(), func(r registration) bool { return r.name == kind }) {
			return "", false, fmt.Errorf("event %s is one of aggregate %q in %s already, and belongs to one aggregate: choose another name", kind, other.name, other.source.path)
		}
	}
	return typeName, false, a.context.claim(event, "event", []string{typeName})
}

// addEvent inserts an event with its evolve function. taken is a name that the function can't have.
func (a *decider) addEvent(event name, typeName, taken, means string) ([]*goFile, error) {
	kind := event.pascal()
	short := event.without(a.category)
	names := []string{short.camel(), "was" + short.pascal(), "apply" + event.pascal()}
	names = slices.DeleteFunc(names, func(n string) bool { return n == taken })
	method := a.methodName(names...)
	byHand := fmt.Sprintf("add es.Apply(%q, …) to its events by hand", kind)
	if err := a.register("Evolve", "Events", fmt.Sprintf("es.Apply(%q, %s.%s)", kind, a.state, method), byHand); err != nil {
		return nil, err
	}
	receiver := a.receiver()
	return []*goFile{a.source,
		a.addType(a.events(), "// Events of "+article(a.category.spaced())+".", fmt.Sprintf("// %s %s", typeName, means), typeName+" struct{}"),
		a.addMethod(a.events(), fmt.Sprintf("// %s does not change the state yet.\nfunc (%s %s) %s(%s) %s { return %s }",
			method, receiver, a.state, method, typeName, a.state, receiver)),
	}, nil
}

// addTest appends a test to the external tests of the aggregate's file. A test that exists is left as it is.
func (d *Domain) addTest(a *decider, test, template string, values map[string]any, imports ...string) error {
	if _, exists := a.context.declared(test, true); exists {
		return nil
	}
	values["Test"], values["Decider"] = test, a.variable
	base := strings.TrimSuffix(a.source.path, ".go")
	file := pieceFile{base + "_test.go", template, imports}
	s := a.context.sourceOf(file.path)
	if s != nil && !d.canHold(a.context, s, imports) {
		file.path = base + "_decider_test.go"
		s = a.context.sourceOf(file.path)
	}
	if s == nil {
		return d.write(a.context, values, file)
	}
	whole, err := d.render(a.context, values, file)
	if err != nil {
		return err
	}
	s.addImports(d.module, d.paths(a.context, imports)...)
	s.insert(len(s.text), "\n"+string(whole[strings.Index(string(whole), "func "):]))
	return d.commit(s)
}

// canHold reports whether a file can get an external test: it has external tests, and imports no package under another name.
func (d *Domain) canHold(b *bounded, s *goFile, imports []string) bool {
	renamed := func(importPath string) bool { return !s.plain(importPath) }
	return strings.HasSuffix(s.syntax.Name.Name, "_test") && !slices.ContainsFunc(d.paths(b, imports), renamed)
}
