package dev

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// trial is a first command for whoever runs dev, and a view that shows its effect.
type trial struct {
	command string // path at the command service; empty: the domain has no command with an example
	body    string
	view    string // path at the query service; empty: no view shows the command's events
}

// trialID is the id of the aggregate of the trial.
const trialID = "1"

// newTrial returns the first command that a new aggregate of the domain accepts, with an example of its body; where there is
// none, the first command.
func newTrial(modules []es.Module) (trial, error) {
	registry, err := compile.Modules(modules...)
	if err != nil {
		return trial{}, err
	}
	schemas, err := schema.New(registry)
	if err != nil {
		return trial{}, err
	}
	var first trial
	for _, a := range registry.Aggregates() {
		for _, c := range a.Offered() {
			body, err := schemas.ExampleCommand(c)
			if err != nil {
				continue // such as a pattern for which no text was found: another command will do
			}
			t := trial{command: "/v1/commands/" + a.Category + "/" + trialID + "/" + c.Name, body: string(body)}
			if first.command == "" {
				first = t
			}
			if events := decide(c, body); len(events) > 0 {
				t.view = viewOf(registry, a, events)
				return t, nil
			}
		}
	}
	return first, nil
}

// decide returns the events of a command to a new aggregate; none if the domain rejects it or panics.
func decide(c *core.CommandType, body []byte) (events []core.Event) {
	defer func() {
		if recover() != nil {
			events = nil
		}
	}()
	payload, err := c.Decode(body)
	if err != nil {
		return nil
	}
	events, err = c.Decide(c.Aggregate.Initial, payload)
	if err != nil {
		return nil
	}
	return events
}

// viewOf returns the path of a document that one of the events changes: of a view by the id of the aggregate, if there is one.
func viewOf(registry *core.Registry, a *core.Aggregate, events []core.Event) (path string) {
	defer func() { _ = recover() }() // the key function of a view is the domain's: without it there is no path
	stream := core.Stream{Tenant: core.DefaultTenant, Category: a.Category, ID: trialID}
	for i, event := range events {
		t, ok := registry.EventOf(reflect.TypeOf(event))
		if !ok {
			continue
		}
		for _, v := range registry.Views() {
			if !v.Folds(t.Name) || path != "" && v.Shared {
				continue
			}
			keys, err := v.Keys(t.Name, event, core.Meta{Stream: stream, Version: core.Version(i + 1), Time: time.Now().UTC()})
			if err != nil || len(keys) == 0 {
				continue
			}
			path = "/v1/views/" + v.Name + "/" + url.PathEscape(keys[0])
			if !v.Shared {
				return path
			}
		}
	}
	return path
}

// text returns the lines with which to try the platform, at these addresses.
func (t trial) text(commandURL, queryURL string) string {
	if t.command == "" {
		return "  There is no command to try yet: the modules of the program have none.\n"
	}
	text := fmt.Sprintf("  Try it:\n\n  curl -X POST %s%s -H 'Content-Type: application/json' -d %s\n", commandURL, t.command, quoted(t.body))
	if t.view != "" {
		text += fmt.Sprintf("  curl %s%s\n", queryURL, t.view)
	}
	return text
}

// quoted returns one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
