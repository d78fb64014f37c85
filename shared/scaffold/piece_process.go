package scaffold

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// ProcessOptions are the parts of a new process.
type ProcessOptions struct {
	Aggregate string        // whose events it reacts to; the default is the only aggregate of the context
	Event     string        // that begins an instance; the default is the first event of the aggregate
	Until     string        // event that ends the instance before its deadline; the default is none
	After     time.Duration // from the beginning to the deadline, in whole seconds
	Command   string        // of the aggregate, sent at the deadline; the default is none
}

// Process adds a process with one instance for each instance of an aggregate, and with a deadline.
func (d *Domain) Process(context, text string, o ProcessOptions) error {
	b, err := d.context(context)
	if err != nil {
		return err
	}
	n, err := parseName("process", text)
	if err != nil {
		return err
	}
	variable := n.trimmed("process").pascal() + "Process"
	process, exists := b.find("Process", "Name", n.kebab())
	if !exists {
		process, exists = b.find("Saga", "Name", n.kebab())
	}
	if exists {
		if variable = process.variable; variable == "" {
			return nil // made by a function, which the module calls
		}
	}
	if !exists || d.force {
		if err := d.writeProcess(b, n, o); err != nil {
			return err
		}
	}
	return d.listPiece(b, "Processes", "ProcessDef", variable)
}

func (d *Domain) writeProcess(b *bounded, n name, o ProcessOptions) error {
	if err := core.CheckToken("category of the process", core.ProcessCategoryPrefix+n.kebab()); err != nil {
		return err
	}
	if err := d.unique(b, []string{"Process", "Saga"}, "Name", n); err != nil {
		return err
	}
	a, err := d.aggregateOf(b, "process", n, o.Aggregate)
	if err != nil {
		return err
	}
	values, err := a.processValues(o)
	if err != nil {
		return err
	}
	short := n.trimmed("process")
	file, test := b.file(short.file()+"_process.go"), b.file(short.file()+"_process_test.go")
	variable, state, timeout := short.pascal()+"Process", short.camel()+"State", short.camel()+"Timeout"
	if err := b.claim(n, "process", []string{variable, state, timeout, "Test" + variable}, file, test); err != nil {
		return err
	}
	modules, imported := d.modules(b)
	values["Modules"] = modules
	one := a.category.spaced()
	for key, value := range map[string]any{
		"Variable": variable, "State": state, "Timeout": timeout, "Name": n.kebab(), "One": one, "Test": "Test" + variable,
		"Field": a.category.pascal(), "JSON": strings.Join(a.category.words, "_"),
	} {
		values[key] = value
	}
	return d.write(b, values,
		pieceFile{file, "process.go", []string{"time", "es"}}, pieceFile{test, "process_test.go", []string{"testing", "time", "es", "estest", ".", imported}})
}

// processValues returns what a template needs of the aggregate.
func (a *decider) processValues(o ProcessOptions) (map[string]any, error) {
	var starts []string
	if o.Event != "" {
		starts = []string{o.Event}
	}
	events, err := a.chosenEvents(starts)
	if err != nil {
		return nil, err
	}
	values := map[string]any{"Event": events[0].Type, "Until": "", "Command": "", "Guarded": a.guarded()}
	if o.Until != "" {
		until, err := a.chosenEvents([]string{o.Until})
		if err != nil {
			return nil, err
		}
		if until[0].Type == events[0].Type {
			return nil, fmt.Errorf("event %s can't both begin and end an instance: choose another one with --until", o.Until)
		}
		values["Until"] = until[0].Type
	}
	if values["Command"], err = a.commandOf(o.Command); err != nil {
		return nil, err
	}
	first, begin := a.beginning()
	if values["Begin"] = ""; first == events[0].Type && (o.Command == "" || a.context.isEmpty(values["Command"].(string))) {
		values["Begin"] = begin
	}
	if o.After <= 0 || o.After%time.Second != 0 {
		return nil, fmt.Errorf("the deadline can't be after %v: give whole seconds, such as --after 15m", o.After)
	}
	values["After"] = durationCode(o.After)
	return values, nil
}

// isEmpty reports whether a type is a struct without fields.
func (b *bounded) isEmpty(typeName string) bool { return b.example(typeName) == typeName+"{}" }

// commandOf returns the Go type of a command of the aggregate, empty for no command.
func (a *decider) commandOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var names []string
	for _, r := range a.commands() {
		if (r.name == text || sameName(r.name, text)) && r.typeName != "" {
			return r.typeName, nil
		}
		names = append(names, r.name)
	}
	return "", fmt.Errorf("aggregate %q has no command %q; it has %s: add it with %s", a.name, text, listed(names), a.context.tool.new("command %s %s %s", a.context.pkg, a.name, text))
}

// durationCode is a duration in Go: "15 * time.Minute".
func durationCode(d time.Duration) string {
	units := []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "24 * time.Hour"}, {time.Hour, "time.Hour"}, {time.Minute, "time.Minute"}, {time.Second, "time.Second"}}
	i := slices.IndexFunc(units, func(unit struct {
		length time.Duration
		name   string
	}) bool {
		return d%unit.length == 0
	})
	if d == units[i].length {
		return units[i].name
	}
	return fmt.Sprintf("%d * %s", d/units[i].length, units[i].name)
}
