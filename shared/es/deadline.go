package es

import (
	"context"
	"time"
)

// Deadline is a moment at which a process instance wants to be woken.
type Deadline struct {
	Of   Stream // the instance
	Name string // a token; an instance has at most one pending deadline of a name
	// ID tells this setting from every other of the name. A deadline that fires says which setting it was.
	ID string
	At time.Time // UTC
}

// Deadlines wake process instances in time, or late, but never not at all.
type Deadlines interface {
	// SetDeadline replaces what the instance has set under this name. Setting the same ID again changes nothing that
	// matters: the instance may be woken once more for it, and knows it by the ID. It returns [ErrUnavailable].
	SetDeadline(ctx context.Context, d Deadline) error

	// CancelDeadline removes the pending deadline of this name; there need not be one. One that has fired meanwhile is
	// still handed over.
	CancelDeadline(ctx context.Context, of Stream, name string) error

	// PendingDeadlines are those that have not fired, soonest first.
	PendingDeadlines(ctx context.Context, q DeadlineQuery) ([]Deadline, error)

	// Due hands each deadline that has fired to handle, at least once, those of one instance in order and one at a time,
	// until ctx ends; it returns nil when the last handler has returned. Workers share the deadlines. One whose handler
	// fails is tried again as s.Retry says.
	Due(ctx context.Context, s Subscription, handle func(context.Context, Deadline) error) error
}

// DeadlineQuery asks for pending deadlines.
type DeadlineQuery struct {
	Category string // of the instances: "process-transfer"; empty: all
	ID       string // of the instance; empty: all
	Limit    int
}
