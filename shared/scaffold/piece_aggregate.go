package scaffold

import (
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// AggregateOptions are the parts of a new aggregate.
type AggregateOptions struct {
	Command string // the first command; the default is "create"
	Event   string // of the command; the default is made of both names: "OrderCreated"
}

// Aggregate adds an aggregate with a first command.
func (d *Domain) Aggregate(context, text string, o AggregateOptions) error {
	b, err := d.context(context)
	if err != nil {
		return err
	}
	n, err := parseName("aggregate", text)
	if err != nil {
		return err
	}
	variable := n.in(b.pkg).pascal() + "Decider"
	decider, exists := b.find("Decider", "Category", n.kebab())
	if exists {
		if variable = decider.variable; variable == "" {
			return nil // made by a function, which the module calls
		}
	}
	if !exists || d.force {
		if err := d.writeAggregate(b, n, o); err != nil {
			return err
		}
	}
	return d.listPiece(b, "Deciders", "DeciderDef", variable)
}

func (d *Domain) writeAggregate(b *bounded, n name, o AggregateOptions) error {
	if err := d.unique(b, []string{"Decider"}, "Category", n); err != nil {
		return err
	}
	if strings.HasPrefix(n.kebab()+"-", core.ProcessCategoryPrefix) {
		return fmt.Errorf("aggregate %q: categories that start with %q are those of processes: choose another name", n.kebab(), core.ProcessCategoryPrefix)
	}
	command, err := parseName("command", withDefault(o.Command, "create"))
	if err != nil {
		return err
	}
	event, err := eventName(b, n, command, o.Event)
	if err != nil {
		return err
	}
	file, test := b.file(n.file()+".go"), b.file(n.file()+"_test.go")
	commandType := b.commandType(n, command, file)
	decide, evolve := command.camel(), event.without(n).camel()
	if evolve == decide || token.IsKeyword(evolve) {
		evolve = "was" + title(evolve)
	}
	state := n.in(b.pkg).pascal()
	eventType := event.in(b.pkg).pascal()
	if err := b.claim(n, "aggregate", []string{state, state + "Decider", eventType, commandType, testName(n, command)}, file, test); err != nil {
		return err
	}
	return d.write(b, map[string]any{
		"State": state, "Category": n.kebab(), "One": n.spaced(), "Many": n.plural().spaced(), "Receiver": receiver(n),
		"Event": eventType, "Kind": event.pascal(), "Evolve": evolve,
		"Command": commandType, "CommandName": command.kebab(), "CommandDoc": commandDoc(n, command), "Decide": decide,
		"Test": testName(n, command),
	},
		pieceFile{file, "aggregate.go", []string{"es"}},
		pieceFile{test, "aggregate_test.go", []string{"testing", "estest", "."}})
}

func withDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// receiver returns the name of the receiver of an aggregate's methods, which differs from their parameters c and e, and from the
// package es.
func receiver(n name) string {
	text := n.words[0]
	for k := 1; k <= len(text); k++ {
		if !slices.Contains([]string{"c", "e", "es", "m"}, text[:k]) {
			return text[:k]
		}
	}
	return "it"
}

// commandType returns the Go type of a command: its name, with that of the aggregate where the context has the name already.
func (b *bounded) commandType(aggregate, command name, except string) string {
	short := command.in(b.pkg)
	if _, taken := b.declared(short.pascal(), false, except); taken || short.pascal() == aggregate.pascal() {
		return command.then(aggregate).pascal()
	}
	return short.pascal()
}

// eventName returns the name that was given for an event, or that of the result of a command: "OrderShipped" for "ship",
// "OrderAddressChanged" for "change-address". An event of a context that is named like its aggregate is named without both, because
// its full name has the context: "order.Shipped".
func eventName(b *bounded, aggregate, command name, given string) (name, error) {
	if given != "" {
		return parseName("event", given)
	}
	object := name{command.words[1:], command.spells[1:]}
	verb := word(past(command.words[0]))
	happened := object.then(verb)
	switch {
	case slices.Equal(object.words, aggregate.words):
		happened = verb
	case slices.Contains(particles, object.spaced()):
		happened = verb.then(object)
	}
	event := aggregate.then(happened)
	if aggregate.packageName() == b.pkg {
		event = happened
	}
	return event, core.CheckToken("event", event.pascal())
}

// plural returns a name whose last word is the plural.
func (n name) plural() name {
	last := len(n.words) - 1
	many := plural(n.words[last])
	if many == n.words[last] {
		return n
	}
	return name{n.words[:last], n.spells[:last]}.then(word(many))
}

// commandDoc is the sentence that describes a command in OpenAPI: "Ship an order", "Change the address of an order".
func commandDoc(aggregate, command name) string {
	one := article(aggregate.spaced())
	verb, object := title(command.words[0]), name{words: command.words[1:]}.spaced()
	switch {
	case command.endsWith(aggregate):
		return title(name{words: command.words[:len(command.words)-len(aggregate.words)]}.spaced()) + " " + one
	case object == "":
		return verb + " " + one
	case slices.Contains(particles, object):
		return verb + " " + one + " " + object // "Send an order back"
	}
	return verb + " the " + object + " of " + one
}

// particles are words behind a verb that are no object.
var particles = []string{"again", "anyway", "away", "back", "by", "down", "early", "in", "late", "off", "on", "out", "over", "through", "up"}

// testName is the name of the test of a command: "TestShipOrder".
func testName(aggregate, command name) string {
	if command.endsWith(aggregate) {
		return "Test" + command.pascal()
	}
	return "Test" + command.pascal() + aggregate.pascal()
}

// endsWith reports whether the last words of the name, and not all, are those of another.
func (n name) endsWith(other name) bool {
	k := len(n.words) - len(other.words)
	return k > 0 && slices.Equal(n.words[k:], other.words)
}
