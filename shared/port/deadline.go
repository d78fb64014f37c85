package port

import (
	"cmp"
	"context"
	"fmt"
	"orchestrix/shared/core"
	"time"
)

// Deadline is a moment at which a process instance wants to be woken.
type Deadline struct {
	Of   core.Stream // the instance
	Name string      // a token; an instance has at most one pending deadline of a name
	// ID tells this setting from every other of the name. A deadline that fires says which setting it was.
	ID string
	At time.Time // UTC

	// What has set it, for what it sets off: as in a [core.Commit]. Each may be empty.
	CorrelationID string
	CausationID   string
	Trace         core.Trace
}

// Deadlines wake process instances in time, or late, but never not at all.
type Deadlines interface {
	// SetDeadline replaces what the instance has set under this name. One that is past fires at once. Setting the same
	// ID again changes nothing that matters: the instance may be woken once more for it, and knows it by the ID. It
	// returns [core.ErrBadToken] where [Deadline.Check] does, and [ErrUnavailable].
	SetDeadline(ctx context.Context, d Deadline) error

	// CancelDeadline removes the pending deadline of this name; there need not be one. One that has fired meanwhile is
	// still handed over. It returns [core.ErrBadToken] and [ErrUnavailable].
	CancelDeadline(ctx context.Context, of core.Stream, name string) error

	// PendingDeadlines are those that have not fired, soonest first. It returns [ErrUnavailable].
	PendingDeadlines(ctx context.Context, q DeadlineQuery) ([]Deadline, error)

	// Due hands each deadline that has fired to handle, at least once, those of one instance one at a time and in the
	// order in which they fired, until ctx ends. It then takes no more, lets the handlers that are at work finish (their
	// context does not end with ctx), and returns nil when the last has returned. All that call it share the deadlines;
	// they name the same group. One whose handler fails, or panics, is tried again after the pause that s.Retry or
	// [RetryAfter] says, before later ones of the instance and without limit: there are no dead letters here. It returns an
	// error at once where the subscription is wrong.
	Due(ctx context.Context, s Subscription, handle func(context.Context, Deadline) error) error
}

// DeadlineQuery asks for pending deadlines.
type DeadlineQuery struct {
	Category string // of the instances: "process-transfer"; empty: all
	ID       string // of the instance; empty: all
	Limit    int    // 0 is no limit
}

// Matches reports whether the query asks for a deadline.
func (q DeadlineQuery) Matches(d Deadline) bool {
	return (q.Category == "" || q.Category == d.Of.Category) && (q.ID == "" || q.ID == d.Of.ID)
}

// Check returns an error that wraps [core.ErrBadToken] where a part of the deadline does not have its form.
func (d Deadline) Check() error {
	if err := CheckDeadlineName(d.Of, d.Name); err != nil {
		return err
	}
	if err := core.CheckCommandID(d.ID); err != nil {
		return fmt.Errorf("deadline %s of %s: %w", d.Name, d.Of, err)
	}
	if year := d.At.UTC().Year(); year < 1970 || year > 9999 { // a duration that overflowed, or a time never set
		return fmt.Errorf("%w: deadline %s of %s: %s is not a time from 1970 to 9999", core.ErrBadToken, d.Name, d.Of, d.At)
	}
	return nil
}

// CheckDeadlineName returns an error that wraps [core.ErrBadToken] unless of may be an instance and name is a token.
func CheckDeadlineName(of core.Stream, name string) error {
	if err := of.Check(); err != nil {
		return err
	}
	return core.CheckToken("deadline name", name)
}

// CompareDeadlines orders deadlines by their time, and those of one time by instance and name.
func CompareDeadlines(a, b Deadline) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Of.Path(), b.Of.Path()), cmp.Compare(a.Name, b.Name))
}
