// Package problem describes errors to HTTP clients as problem details (RFC 9457).
//
// A [Type] is one kind of problem: status, code and title. Two tables map the errors of the platform to types: [Public] for the
// APIs of commands and queries, and [Admin] for the admin port, whose clients are operators and see the text of every error.
// [Table.Find] returns the problem of an error, [Write] answers a request with it, and [Table.Describe] adds the possible
// problems of an operation to an OpenAPI document. A handler that knows the type of its problem returns [Type.Errorf].
package problem
