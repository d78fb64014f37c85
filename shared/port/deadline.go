package port

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Deadline is a moment at which a process instance is to be triggered.
type Deadline struct {
	Of   core.Stream // the instance
	Name string      // a token; an instance has at most one pending deadline of a name
	// ID identifies this setting of the name. A deadline that fires carries it.
	ID string
	At time.Time // UTC

	// Origin of the setting, for commands that follow from the deadline, as in a [core.Commit]. Each may be empty.
	CorrelationID string
	CausationID   string
	Trace         core.Trace
}

// Deadlines trigger process instances at their deadlines: late after an outage, but always.
type Deadlines interface {
	// SetDeadline replaces the instance's deadline of this name. A past deadline fires immediately. Setting the same ID again
	// may trigger the instance a second time, which it recognizes by the ID. It returns [core.ErrBadToken] where
	// [Deadline.Check] does, and [ErrUnavailable].
	SetDeadline(ctx context.Context, d Deadline) error

	// CancelDeadline removes the pending deadline of this name, if any. A deadline that has fired is still delivered. It
	// returns [core.ErrBadToken] and [ErrUnavailable].
	CancelDeadline(ctx context.Context, of core.Stream, name string) error

	// PendingDeadlines returns the deadlines that have not fired, soonest first. It returns [ErrUnavailable].
	PendingDeadlines(ctx context.Context, q DeadlineQuery) ([]Deadline, error)

	// Due calls handle with each deadline that has fired, at least once; with those of one instance one at a time, in the
	// order of firing. When ctx ends, it accepts no more deadlines, waits for the running handlers (whose context does not
	// end with ctx), and returns nil. All callers share the deadlines and must name the same group. A deadline whose handler
	// fails or panics is retried after the pause of s.Retry or [RetryAfter], before later ones of the instance and without
	// limit; deadlines have no dead letters. It returns an error immediately for an invalid subscription.
	Due(ctx context.Context, s Subscription, handle func(context.Context, Deadline) error) error
}

// DeadlineQuery selects pending deadlines.
type DeadlineQuery struct {
	Category string // of the instances: "process-transfer"; empty: all
	ID       string // of the instance; empty: all
	Limit    int    // 0 is no limit
}

// Matches reports whether the query selects a deadline.
func (q DeadlineQuery) Matches(d Deadline) bool {
	return (q.Category == "" || q.Category == d.Of.Category) && (q.ID == "" || q.ID == d.Of.ID)
}

// Check returns an error that wraps [core.ErrBadToken] for a deadline with an invalid stream, name, id or time.
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

// CheckDeadlineName returns an error that wraps [core.ErrBadToken] unless of is a valid stream and name is a token.
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
