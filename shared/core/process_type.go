package core

import "fmt"

// ProcessCategory is what the categories of process instances start with: that of process "transfer" is
// "process-transfer".
const ProcessCategory = "process-"

// ProcessCategoryName is the category, in the registry, of what the instances of all processes have in common.
const ProcessCategoryName = "process"

// ProcessType is a process with its type parameter erased: what the runtime works with.
type ProcessType struct {
	Module    string
	Name      string
	Aggregate *Aggregate // of its instances; it takes no command from outside

	// Routes are the events that the process reacts to, by full name.
	Routes map[string]Route
	// React, Retry and Cancel are the commands that drive an instance; no client can give them.
	React, Retry, Cancel *CommandType
}

// Route says which instances of a process an event is for.
type Route struct {
	Starts   bool
	Instance func(e Event, m Meta) string
}

// InternalCommand is a command on a process instance that only the runtime gives.
type InternalCommand struct {
	Type    *CommandType
	ID      string
	Payload any
}

// Events are the full names of the events that the process reacts to, in no order.
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

// Instance is the id of the instance that an event is for, empty where it is for none. The error says that the process
// gives an id that is none.
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
