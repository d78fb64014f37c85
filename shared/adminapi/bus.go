package adminapi

import (
	"context"
	"log/slog"

	"orchestrix/shared/port"
)

// Bus is what the routes of the command service work on. DeadLetters and Deadlines are nil where the log is in Postgres.
type Bus struct {
	DeadLetters port.DeadLetters
	Deadlines   port.Deadlines
	Actions     port.ActionLog
}

// Bus adds the routes of dead letters and deadlines. What operators do to dead letters is logged too.
func (a *API) Bus(logger *slog.Logger) *Routes[Bus] {
	r := &Routes[Bus]{api: a, starting: "the bus is not open yet"}
	d := deadLetters{logger: logger}
	get(r, "dead-letters", "/dead-letters", "List dead letters, oldest first", withBus(d.list))
	get(r, "dead-letters", "/dead-letters/{number}", "Show a dead letter with its headers and data", withBus(d.show))
	post(r, "dead-letters", "/dead-letters/{number}/retry", "Publish a dead letter again", withBus(d.retry))
	post(r, "dead-letters", "/dead-letters/{number}/drop", "Remove a dead letter permanently", withBus(d.drop))
	post(r, "dead-letters", "/dead-letters/retry", "Publish all dead letters of a topic or a group again, in order", withBus(d.retryAll))
	get(r, "deadlines", "/deadlines", "List pending deadlines, soonest first", withBus(listDeadlines))
	return r
}

// withBus answers that there is no bus where the log is in Postgres.
func withBus[I, O any](handle func(context.Context, *Bus, *I) (O, error)) func(context.Context, *Bus, *I) (O, error) {
	return func(ctx context.Context, b *Bus, in *I) (O, error) {
		if b.DeadLetters == nil {
			var none O
			return none, errNoBus
		}
		return handle(ctx, b, in)
	}
}
