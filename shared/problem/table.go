package problem

import (
	"context"
	"errors"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/redact"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// Table maps errors to types of problems.
type Table struct {
	Errors   []Mapping // the first match counts
	Rejected *Type     // of [*core.Rejection], whose code replaces the type's
	Types    []*Type   // all types of the API, in the order in which its OpenAPI document describes them
	// Operator shows the whole text of every error, and makes the code of a rejection the type of its problem. Otherwise the
	// client sees no text of an unknown error, Detail instead of the error's text if the type has one, and at most 500 bytes.
	Operator bool
}

// Mapping maps one error.
type Mapping struct {
	Is   error
	Type *Type
}

// Public is the table of the APIs for commands and queries. Faults of the log's content come before errors of the request,
// because both may be a bad payload. A bad payload alone is an internal error: the body was checked before.
var Public = Table{Rejected: Rejected, Errors: []Mapping{
	{core.ErrCorrupt, Internal},
	{core.ErrUnknownEvent, Internal},
	{schema.ErrMalformed, MalformedJSON},
	{schema.ErrUnknownField, UnknownField},
	{schema.ErrBadParam, BadQuery},
	{core.ErrBadToken, BadToken},
	{core.ErrBadPosition, BadPosition},
	{core.ErrBadQuery, BadQuery},
	{runtime.ErrUnknown, UnknownName},
	{runtime.ErrInternal, InternalCommand},
	{runtime.ErrFuture, VersionNotFound},
	{core.ErrNotFound, DocumentNotFound},
	{port.ErrNoStream, StreamNotFound},
	{runtime.ErrCommandReused, CommandReused},
	{port.ErrTooLarge, CommitTooLarge},
	{runtime.ErrOverloaded, Overloaded},
	{runtime.ErrStatusesFull, ResultsFull},
	{port.ErrUnavailable, Unavailable},
	{port.ErrConflict, Conflict},
	{context.DeadlineExceeded, Unavailable},
	{context.Canceled, Unavailable},
}, Types: []*Type{
	BadRequest, MalformedJSON, UnknownField, BadToken, BadHeader, BadPosition, BeyondEnd, BadQuery,
	CrossOrigin, InternalCommand, UnknownRoute, UnknownName, DocumentNotFound, StreamNotFound, VersionNotFound, CommandNotFound, MethodNotAllowed, BodyTimeout,
	Conflict, PreconditionFailed, BodyTooLarge, CommitTooLarge, NotJSON, ValidationFailed, Rejected, CommandReused,
	Internal, Unavailable, ViewNotBuilt, Overloaded, ResultsFull, NotReached,
}}

// Admin is the table of the admin API.
var Admin = Table{Rejected: ActionRejected, Operator: true, Errors: []Mapping{
	{core.ErrNotFound, NotFound},
	{core.ErrBadToken, BadName},
	{port.ErrBuilding, BeingBuilt},
	{port.ErrMoved, NotFirst},
	{port.ErrOtherVersion, OtherVersion},
	{port.ErrConflict, Conflict},
	{runtime.ErrOverloaded, Overloaded},
	{port.ErrUnavailable, Unavailable},
}, Types: []*Type{
	BadRequest, Unauthorized, NotFound, NoBus, BeingBuilt, NotFirst, OtherVersion, Conflict, ActionRejected, NotJSON, BadName,
	Internal, Starting, Unavailable, ViewNotBuilt, Overloaded,
}}

// Find returns the problem of an error, and its type.
func (t *Table) Find(err error) (*Type, Problem) {
	k, p := t.find(err)
	if !t.Operator {
		p.Detail = Truncate(p.Detail)
	}
	return k, p
}

func (t *Table) find(err error) (*Type, Problem) {
	if k, p, ok := t.findTyped(err); ok {
		return k, p
	}
	for _, m := range t.Errors {
		if !errors.Is(err, m.Is) {
			continue
		}
		p := m.Type.New(t.detail(m, err))
		var conflict *port.ConflictError
		if m.Type == Conflict && errors.As(err, &conflict) {
			p.Expected, p.Actual = &conflict.Expected, &conflict.Actual
		}
		return m.Type, p
	}
	return Internal, Internal.New(t.detail(Mapping{Type: Internal}, err))
}

func (t *Table) detail(m Mapping, err error) string { return redact.Text(t.fullDetail(m, err)) }

func (t *Table) fullDetail(m Mapping, err error) string {
	switch {
	case t.Operator && m.Is != nil:
		return strings.TrimPrefix(err.Error(), m.Is.Error()+": ")
	case !t.Operator && m.Type.Detail != "":
		return m.Type.Detail
	}
	return err.Error()
}

// findTyped finds the problem of an error that carries more than a text.
func (t *Table) findTyped(err error) (*Type, Problem, bool) {
	var (
		known        *Error
		invalid      *schema.Invalid
		rejection    *core.Rejection
		precondition *runtime.PreconditionError
		behind       *runtime.NotReachedError
		beyond       *runtime.BeyondEndError
		notBuilt     *port.NotBuiltError
	)
	switch {
	case errors.As(err, &known):
		return known.Type, known.Type.New(known.Detail), true
	case errors.As(err, &invalid):
		p := ValidationFailed.New(invalid.Error())
		p.Errors = invalid.Fields
		return ValidationFailed, p, true
	case errors.As(err, &rejection):
		p := t.Rejected.New(rejection.Message)
		if rejection.Code != "" {
			p.Code = rejection.Code
		}
		if t.Operator {
			p.Type = typePrefix + p.Code
		}
		return t.Rejected, p, true
	case errors.As(err, &precondition):
		p := PreconditionFailed.New(precondition.Error())
		p.Expected, p.Actual = &precondition.Expected, &precondition.Actual
		return PreconditionFailed, p, true
	case errors.As(err, &behind):
		p := NotReached.New(behind.Error())
		p.Wanted, p.Reached = behind.Wanted.String(), behind.Reached.String()
		return NotReached, p, true
	case errors.As(err, &beyond):
		p := BeyondEnd.New(beyond.Error())
		p.Wanted, p.Reached = beyond.Wanted.String(), beyond.End.String()
		return BeyondEnd, p, true
	case errors.As(err, &notBuilt):
		return ViewNotBuilt, ViewNotBuilt.New(notBuilt.Error()), true
	}
	return nil, Problem{}, false
}
