package adminapi

import (
	"context"
	"log/slog"

	"github.com/orchestrix-go/orchestrix/shared/clip"
)

// LogActions makes each action of an operator a line of this log too, with who asked for it, why, and the error if it failed.
// The table of actions is kept by the database alone: a copy of the log elsewhere shows what is missing there.
func (a *API) LogActions(logger *slog.Logger) { a.logger.Store(logger) }

// actor is an input that embeds [actionBody].
type actor interface {
	requested() *actionBody
}

func (b *actionBody) requested() *actionBody { return b }

// logAction writes the line of an action. Inputs that only read have none.
func (a *API) logAction(ctx context.Context, in any, err error) {
	logger := a.logger.Load()
	action, ok := in.(actor)
	if !ok || logger == nil {
		return
	}
	b := action.requested()
	attrs := []any{"action", clip.Printable(b.target), "who", b.who, "reason", clip.Printable(clip.Text(b.request.Reason, maxActionText))}
	if err != nil {
		logger.WarnContext(ctx, "an operator's action failed", append(attrs, "error", err)...)
		return
	}
	logger.WarnContext(ctx, "an operator's action", attrs...)
}
