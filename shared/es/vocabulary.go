package es

import (
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// The vocabulary that authors share with the engine.
type (
	// Event is a fact of a domain, named in the past tense: a plain struct, registered by [Apply].
	Event = core.Event
	// Meta describes an event besides its payload: stream, version, position and time.
	Meta = core.Meta
	// Stream identifies the history of one aggregate: tenant, category and id, each a token.
	Stream = core.Stream
	// Rejection is the error of a well-formed command that the domain does not accept, made by [Reject].
	Rejection = core.Rejection
	// SnapshotPolicy configures snapshots of the state of an aggregate or a process.
	SnapshotPolicy = core.SnapshotPolicy
	// Version is the number of commits of a stream: 0 before the first.
	Version = core.Version
	// Position is the place of a commit in the log: partition and sequence.
	Position = core.Position

	// Fields are the fields of a view by which lists may filter and sort. They are indexed.
	Fields = core.Fields
	// Field is one of [Fields]: its JSON name, and its kind, [Text] or [Number].
	Field = core.Field
	// Views reads the documents of one tenant for a query.
	Views = core.Views
	// ListQuery filters, sorts and limits a list of documents.
	ListQuery = core.ListQuery
	// FieldKind is the kind of a [Field].
	FieldKind = core.FieldKind
	// FieldValue matches documents whose field equals the value.
	FieldValue = core.FieldValue
	// Document is one document of a view: key, position of the last change, and JSON.
	Document = core.Document
	// Page is one page of a list, and the cursor of the next one.
	Page = core.Page

	// Effect is a command, a deadline or a change of status that a reaction asks for. Made by [Send], [After],
	// [Complete] and the other functions that return one.
	Effect = processes.Effect
	// CommandResult is the result of a command that a process has sent: accepted, or rejected with a code.
	CommandResult = core.CommandResult
	// SagaAction is a command of a saga's step, made by [Do], and the command that undoes it.
	SagaAction = processes.SagaAction
	// EffectKind is the kind of an [Effect]; the function that makes the effect sets it.
	EffectKind = processes.EffectKind
	// Backoff is the growth of the pauses of a [RetryPolicy].
	Backoff = core.Backoff
)

// The kinds of [Field].
const (
	Text   = core.Text   // compared byte by byte, which is also right for ISO dates
	Number = core.Number // compared as exact decimal numbers, which JSON may hold as a number or as a string
)

// The values of [RetryPolicy].Backoff.
const (
	Exponential = core.Exponential // the pause doubles, and half of it is random
	Linear      = core.Linear      // the pause grows by the first pause each time
	Fixed       = core.Fixed       // the pause stays the same
	NoBackoff   = core.NoBackoff   // no pause
)

// Results of reads and folds.
var (
	// ErrNotFound: the view has no document with this key.
	ErrNotFound = core.ErrNotFound
	// ErrBadQuery: a list names an undeclared field, a value of the wrong type, or a cursor of another list.
	ErrBadQuery = core.ErrBadQuery
	// Delete is returned by a fold to remove the document.
	Delete = core.Delete
)
