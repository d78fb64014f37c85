package core

import "time"

// CommandOutcome is what became of a command.
type CommandResult struct {
	CommandID string `json:"command_id"`
	Accepted  bool   `json:"accepted"`
	// Code and Message are the domain's "no" where the command was not accepted.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Refused says that the command never reached the domain: it is malformed, or nobody knows it. The process is not
	// asked then; the instance is parked.
	Refused  bool      `json:"refused,omitempty"`
	Version  Version   `json:"version,omitempty"` // of the stream after the command, where it was accepted
	Position Position  `json:"position,omitzero"`
	Time     time.Time `json:"time"` // when it was decided
	// Tag is what the process has given to the command: see [processes.Effect.Tagged].
	Tag string `json:"tag,omitempty"`
	// Ended says that the instance had ended before the outcome came.
	Ended bool `json:"ended,omitempty"`
}
