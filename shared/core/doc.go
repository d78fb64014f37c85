// Package core is the vocabulary that all rooms share: events, commits, streams, positions and revisions; tokens, keys and
// their checks; the JSON of payloads; and the [Registry], which holds the modules of a program without their type parameters.
//
// Package es builds registry entries from an author's generic values ([NewAggregate], [NewViewType]). The engine
// (packages runtime/…), the ports and the adapters use the entries. Authors of domains do not import core: package es has
// aliases for the names that they need.
//
// The package does no I/O, and it imports no other room but package retry. Ports belong to package port, the form of
// commits in the log to package cloudevents, and the reactions of process instances to package processes.
package core
