package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
	"orchestrix/shared/schema"
)

// The kinds of problem: which status and code an answer has, all in one place.
var (
	badRequest       = &kind{status: 400, code: "bad-request", title: "The request can't be read"}
	malformedJSON    = &kind{status: 400, code: "malformed-json", title: "The body is not JSON that can be stored"}
	unknownField     = &kind{status: 400, code: "unknown-field", title: "The body has a field that the command does not have"}
	badToken         = &kind{status: 400, code: "bad-token", title: "A name or an id has a form that is not allowed"}
	badHeader        = &kind{status: 400, code: "bad-header", title: "A header has a form that is not allowed"}
	badPosition      = &kind{status: 400, code: "bad-position", title: "This is no position of the log"}
	badQuery         = &kind{status: 400, code: "bad-query", title: "The query parameters are not those of this resource"}
	internalCommand  = &kind{status: 403, code: "internal-command", title: "Only processes send this command"}
	unknownRoute     = &kind{status: 404, code: "unknown-route", title: "There is nothing at this path"}
	unknownName      = &kind{status: 404, code: "unknown-name", title: "No module has this name"}
	documentNotFound = &kind{status: 404, code: "document-not-found", title: "There is no such document", detail: "the view has no document of this key"}
	streamNotFound   = &kind{status: 404, code: "stream-not-found", title: "There is no such stream", detail: "the stream has no event"}
	commandNotFound  = &kind{status: 404, code: "command-not-found", title: "No command of this id is known"}
	versionNotFound  = &kind{status: 404, code: "version-not-found", title: "The stream has no such version"}
	methodNotAllowed = &kind{status: 405, code: "method-not-allowed", title: "The method is not allowed here"}
	bodyTimeout      = &kind{status: 408, code: "body-timeout", title: "The body came too slowly"}
	conflict         = &kind{status: 409, code: "conflict", title: "Others wrote to the stream at the same time",
		detail: "the command was decided again a number of times, and each time the stream had moved on; send it again under the same Idempotency-Key", retryAfter: 1}
	preconditionFailed = &kind{status: 412, code: "precondition-failed", title: "The stream does not have the version that If-Match asks for"}
	bodyTooLarge       = &kind{status: 413, code: "too-large", title: "The body is too large"}
	commitTooLarge     = &kind{status: 413, code: "too-large", title: "The command leads to more than the log takes at once", detail: "the events of the command are larger than one entry of the log may be"}
	notJSON            = &kind{status: 415, code: "unsupported-media-type", title: "The body must be JSON"}
	validationFailed   = &kind{status: 422, code: "validation-failed", title: "Some values don't fit"}
	rejected           = &kind{status: 422, code: "rejected", title: "The domain said no"}
	commandReused      = &kind{status: 422, code: "command-reused", title: "The Idempotency-Key has come before with another command"}
	internal           = &kind{status: 500, code: "internal", title: "Internal error", detail: "something is broken on this side; the log names it under the trace_id"}
	unavailable        = &kind{status: 503, code: "unavailable", title: "A part of the system can't be reached",
		detail: "the log or the read side did not answer in time; a command may or may not have been written: send it again under the same Idempotency-Key, and it is written once", retryAfter: 2}
	overloaded   = &kind{status: 503, code: "overloaded", title: "Too much is in flight", detail: "nothing was done; send the request again", retryAfter: 1}
	outcomesFull = &kind{status: 503, code: "outcomes-full", title: "No more commands can be taken for later",
		detail: "what became of earlier ones takes all the room that it may; nothing was done: send the command without Prefer: respond-async, or later", retryAfter: 60}
	notReached = &kind{status: 504, code: "position-not-reached", title: "The view has not reached the position in time"}
)

// kinds says what an error means. The first that matches counts: what the log holds comes before what the
// client sent, since both may be a bad payload. A bad payload by itself is no fault of the client, whose body
// was checked before.
var kinds = []struct {
	is   error
	kind *kind
}{
	{es.ErrCorrupt, internal},
	{es.ErrUnknownEvent, internal},
	{schema.ErrMalformed, malformedJSON},
	{schema.ErrUnknownField, unknownField},
	{schema.ErrBadParam, badQuery},
	{es.ErrBadToken, badToken},
	{es.ErrBadPosition, badPosition},
	{es.ErrBadQuery, badQuery},
	{runtime.ErrUnknown, unknownName},
	{runtime.ErrFuture, versionNotFound},
	{es.ErrNotFound, documentNotFound},
	{es.ErrNoStream, streamNotFound},
	{runtime.ErrCommandReused, commandReused},
	{es.ErrTooLarge, commitTooLarge},
	{runtime.ErrOverloaded, overloaded},
	{runtime.ErrOutcomesFull, outcomesFull},
	{es.ErrUnavailable, unavailable},
	{es.ErrConflict, conflict},
	{context.DeadlineExceeded, unavailable},
	{context.Canceled, unavailable},
}

// classify says what an error means to the client. Nothing of an error that is not known gets out.
func classify(err error) (*kind, Problem) {
	if k, p, ok := classifyTyped(err); ok {
		return k, p
	}
	for _, entry := range kinds {
		if !errors.Is(err, entry.is) {
			continue
		}
		if entry.kind.detail != "" {
			return entry.kind, entry.kind.problem(entry.kind.detail)
		}
		return entry.kind, entry.kind.problem(err.Error())
	}
	return internal, internal.problem(internal.detail)
}

// classifyTyped is classify for the errors that carry more than a text.
func classifyTyped(err error) (*kind, Problem, bool) {
	var (
		refusal      *refusal
		invalid      *schema.Invalid
		rejection    *es.Rejection
		precondition *runtime.PreconditionError
		behind       *runtime.NotReachedError
	)
	switch {
	case errors.As(err, &refusal):
		return refusal.kind, refusal.kind.problem(refusal.detail), true
	case errors.As(err, &invalid):
		p := validationFailed.problem(invalid.Error())
		p.Errors = invalid.Fields
		return validationFailed, p, true
	case errors.As(err, &rejection):
		p := rejected.problem(rejection.Message)
		if rejection.Code != "" {
			p.Code = rejection.Code
		}
		return rejected, p, true
	case errors.As(err, &precondition):
		p := preconditionFailed.problem(precondition.Error())
		p.Expected, p.Actual = &precondition.Expected, &precondition.Actual
		return preconditionFailed, p, true
	case errors.As(err, &behind):
		p := notReached.problem(behind.Error())
		p.Wanted, p.Reached = behind.Wanted.String(), behind.Reached.String()
		return notReached, p, true
	}
	return nil, Problem{}, false
}

// logFailure logs what an operator has to look at: a fault of ours, or a part that can't be reached. A client
// that has left is neither.
func (s *server) logFailure(r *http.Request, k *kind, p Problem, err error) {
	level := slog.LevelDebug
	switch {
	case r.Context().Err() != nil:
	case k == internal:
		level = slog.LevelError
	case k == unavailable, k == outcomesFull:
		level = slog.LevelWarn
	}
	s.options.Logger.Log(r.Context(), level, "request failed",
		"method", r.Method, "path", p.Instance, "status", p.Status, "code", p.Code, "error", err)
}
