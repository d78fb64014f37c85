package core

import "time"

// CommandResult is the result of a command that a process instance has sent.
type CommandResult struct {
	CommandID string `json:"command_id"`
	Accepted  bool   `json:"accepted"`
	// Code and Message are those of the [Rejection] where the command was not accepted.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Refused: the command never reached the domain, because it is malformed or unknown. The instance is parked, without
	// a call of its reaction.
	Refused  bool      `json:"refused,omitempty"`
	Version  Version   `json:"version,omitempty"` // of the stream after the command, where it was accepted
	Position Position  `json:"position,omitzero"`
	Time     time.Time `json:"time"` // when it was decided
	// Tag is the tag that the process gave to the command, see [processes.Effect.Tagged].
	Tag string `json:"tag,omitempty"`
	// Ended: the instance had ended before the result arrived.
	Ended bool `json:"ended,omitempty"`
}
