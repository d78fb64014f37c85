package core

import "time"

// Action is an operator's action on a view, a process instance or a message of the bus, as the audit log keeps it.
type Action struct {
	At     time.Time // given by the store
	Who    string
	Did    string // "retry", "skip", "rebuild", "cancel", "pause", "resume", "drop", "fire"
	View   string // empty where the action concerned no view
	Object string // a build, an event, a dead letter
	Reason string
}
