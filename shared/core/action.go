package core

import "time"

// Action is what a person did to a projection, or to a message of the bus.
type Action struct {
	At     time.Time // given by the store
	Who    string
	Did    string // "retry", "skip", "rebuild", "cancel", "pause", "resume", "drop"
	View   string // empty: it was about none
	Object string // what it was done to: a build, an event, a dead letter
	Reason string
}
