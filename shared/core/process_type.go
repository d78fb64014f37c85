package core

import "fmt"

// ProcessCategoryPrefix is the prefix of the categories of process instances: the category of process "transfer" is
// "process-transfer".
const ProcessCategoryPrefix = "process-"

// ProcessRunner is the name under which process runners store their checkpoints, in the form of those of a view without
// documents.
const ProcessRunner = "process-runner"

// ProcessCategory is the category of the aggregate that registers the events of all process instances.
const ProcessCategory = "process"

// ProcessType is a process without its type parameter, as the engine uses it. Package processes makes it.
type ProcessType struct {
	Module    string
	Name      string
	Aggregate *Aggregate // of its instances; it accepts no command from clients

	// Routes are the events that the process reacts to, by full name.
	Routes map[string]Route
	// React, Retry and Cancel are the commands of an instance. Clients can't send them.
	React, Retry, Cancel *CommandType
}

// Route maps an event to an instance of a process.
type Route struct {
	Starts   bool                         // the event begins an instance
	Instance func(e Event, m Meta) string // id of the instance; empty for none
}

// InternalCommand is a command of a process instance that only the engine executes.
type InternalCommand struct {
	Type    *CommandType
	ID      string
	Payload any
}

// Events returns the full names of the events to which the process reacts, in no particular order.
func (p *ProcessType) Events() []string {
	names := make([]string, 0, len(p.Routes))
	for name := range p.Routes {
		names = append(names, name)
	}
	return names
}

// ReactsTo reports whether the process reacts to an event of this full name.
func (p *ProcessType) ReactsTo(eventName string) bool {
	_, ok := p.Routes[eventName]
	return ok
}

// Instance returns the id of the instance that receives the event, empty for none. It returns an error where the process's
// function panics or returns an id that is not a token.
func (p *ProcessType) Instance(eventName string, e Event, m Meta) (id string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("process %q: finding the instance of %s panicked: %v", p.Name, eventName, r)
		}
	}()
	id = p.Routes[eventName].Instance(e, m)
	if id == "" {
		return "", nil
	}
	if err := CheckToken("instance", id); err != nil {
		return "", fmt.Errorf("process %q: the instance of %s: %w", p.Name, eventName, err)
	}
	return id, nil
}
