package estest

import (
	"encoding/json"

	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// Status is the status of a process instance; empty before it begins.
type Status = processes.Status

// The statuses of a process instance.
const (
	StatusRunning      = processes.StatusRunning
	StatusCompensating = processes.StatusCompensating // it undoes its steps
	StatusParked       = processes.StatusParked       // its reaction failed; its triggers queue until an operator retries or cancels it
	StatusCompleted    = processes.StatusCompleted
	StatusFailed       = processes.StatusFailed
	StatusCancelled    = processes.StatusCancelled
)

// Instance is a process instance after its last reaction. [ProcessScenario.ThenState] checks the state of its process.
type Instance struct {
	Status    Status
	Step      string        // of a saga, or that of es.AtStep
	Reason    string        // why it compensates, failed or was cancelled
	Error     string        // why it is parked
	Queued    int           // triggers of a parked instance that wait; the reaction to the first of them failed
	Sent      []SentCommand // commands without a result, oldest first
	Deadlines []string      // names of the pending deadlines, in the order in which they were set
}

// SentCommand is a command that a process instance has sent.
type SentCommand struct {
	ID       string // for [ProcessScenario.WhenResult]
	Category string
	To       string // id of the aggregate
	Name     string // that requests use
	Body     json.RawMessage
}

func instanceOf(state *processes.Instance) Instance {
	i := Instance{Status: state.Status, Step: state.Step, Reason: state.Reason, Error: state.Error, Queued: len(state.Inbox)}
	for _, c := range state.Sent {
		i.Sent = append(i.Sent, SentCommand{ID: c.ID, Category: c.Category, To: c.To, Name: c.Name, Body: c.Body})
	}
	for _, d := range state.Deadlines {
		i.Deadlines = append(i.Deadlines, d.Name)
	}
	return i
}
