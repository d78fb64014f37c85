package adminapi

import (
	"context"
	"log/slog"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// Bus holds the backends of the routes of the command service. DeadLetters and Deadlines are nil if the log is in Postgres.
type Bus struct {
	DeadLetters port.DeadLetters
	Deadlines   port.Deadlines
	Actions     port.ActionLog
}

// Bus adds the routes of dead letters and deadlines. What operators do to dead letters is logged too.
func (a *API) Bus(logger *slog.Logger) *Routes[Bus] {
	r := &Routes[Bus]{api: a, starting: "the bus is not open yet"}
	d := deadLetters{logger: logger}
	get(r, "dead-letters", "/dead-letters", "List dead letters, oldest first", withBus(d.list), problem.NoBus)
	get(r, "dead-letters", "/dead-letters/{number}", "Show a dead letter with its headers and data", withBus(d.show))
	post(r, "dead-letters", "/dead-letters/{number}/retry", "Publish a dead letter again", withBus(d.retry), problem.BadName)
	post(r, "dead-letters", "/dead-letters/{number}/drop", "Remove a dead letter permanently", withBus(d.drop))
	post(r, "dead-letters", "/dead-letters/retry", "Publish all dead letters of a topic or a group again, in order", withBus(d.retryAll), problem.NoBus, problem.BadName)
	get(r, "deadlines", "/deadlines", "List pending deadlines, soonest first", listDeadlines, problem.NotFound)
	return r
}

// withBus answers 404 if the log is in Postgres, where there is no message bus.
func withBus[I, O any](handle func(context.Context, *Bus, *I) (O, error)) func(context.Context, *Bus, *I) (O, error) {
	return func(ctx context.Context, b *Bus, in *I) (O, error) {
		if b.DeadLetters == nil {
			var none O
			return none, problem.NoBus.Errorf("the log is in Postgres: there is no message bus")
		}
		return handle(ctx, b, in)
	}
}
