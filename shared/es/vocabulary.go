package es

import (
	"orchestrix/shared/core"
	"orchestrix/shared/processes"
)

// The vocabulary that authors share with the engine.
type (
	// Event is a fact of a domain, in the past tense: a plain struct whose kind is given where it is applied, see [Apply].
	Event = core.Event
	// Meta is what a fold or a reaction may know of an event besides its payload: stream, version, position and time.
	Meta = core.Meta
	// Stream names the history of one aggregate: tenant, category and id, each a token.
	Stream = core.Stream
	// Version is how many events a stream holds; events are numbered from 1 without gaps.
	Version = core.Version
	// Position is the place of a commit in the log: partition and sequence, written "3-1042".
	Position = core.Position
	// SnapshotPolicy says when the state of an aggregate or a process is saved, and with which version.
	SnapshotPolicy = core.SnapshotPolicy
	// Rejection is the domain's "no" to a well-formed command: a stable code for programs and a message for people.
	Rejection = core.Rejection
	// Registry is every module of a program, checked and ready to run.
	Registry = core.Registry

	// Fields are the declared fields of a view: what lists may filter and sort by.
	Fields = core.Fields
	// Field is one of them, by its JSON name. It is indexed.
	Field = core.Field
	// FieldKind says how a field compares: [Text] or [Number].
	FieldKind = core.FieldKind
	// Views is the read side as a query sees it: that of one tenant, at or after the position of the request.
	Views = core.Views
	// ListQuery asks for the documents of a view by its declared fields.
	ListQuery = core.ListQuery
	// FieldValue asks for documents whose field equals the value.
	FieldValue = core.FieldValue
	// Document is one document of a view: key, position of the last change, and data as JSON.
	Document = core.Document
	// Page is a part of a list, and where the next one starts.
	Page = core.Page

	// CommandResult is the result of a command that a process has sent: accepted, rejected with a code, or refused.
	CommandResult = core.CommandResult
	// Effect is what a process wants done; made by [Send], [After], [Complete] and their like.
	Effect = processes.Effect
	// SagaAction is a command that a step of a saga sends, and the one that undoes it; made by [Do].
	SagaAction = processes.SagaAction
	// ProcessStatus is the state of a process instance: running, compensating, parked, completed, failed or cancelled.
	ProcessStatus = processes.Status
	// RetryPolicy says how often, and after which pauses, something that failed is tried again.
	RetryPolicy = core.RetryPolicy
	// Backoff is how the pause between attempts grows.
	Backoff = core.Backoff
)

// How a field compares.
const (
	Text   = core.Text   // byte by byte, which is also right for ISO dates
	Number = core.Number // as exact decimal numbers, which JSON may hold as a number or as a string
)

// MaxListLimit is the longest page of a list.
const MaxListLimit = core.MaxListLimit

// DefaultTenant is the tenant of a request that names none.
const DefaultTenant = core.DefaultTenant

// How the pause between attempts grows.
const (
	Exponential = core.Exponential // it doubles, and half of it is random
	Linear      = core.Linear      // it grows by the first pause each time
	Fixed       = core.Fixed       // it stays the first pause
	NoBackoff   = core.NoBackoff   // there is none
)

// The states of a process instance.
const (
	StatusRunning      = processes.StatusRunning
	StatusCompensating = processes.StatusCompensating // it undoes what it has done
	StatusParked       = processes.StatusParked       // its reaction failed; its triggers queue until a person retries or cancels it
	StatusCompleted    = processes.StatusCompleted
	StatusFailed       = processes.StatusFailed
	StatusCancelled    = processes.StatusCancelled
)

// Delete is returned by a fold that removes the document.
var Delete = core.Delete //nolint:staticcheck // a verb in the place of an error, like fs.SkipDir

// Errors of reads.
var (
	// ErrNotFound: there is no document with this key.
	ErrNotFound = core.ErrNotFound
	// ErrBadQuery: a list asked for an undeclared field, a value that does not fit it, or a cursor of another list.
	ErrBadQuery = core.ErrBadQuery
)
