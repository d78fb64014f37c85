// Package es is the vocabulary of Orchestrix and its ports.
//
// A bounded context needs nothing else: its events and commands are plain structs, its aggregate is a
// [Decider], its read models are [View] values, its reads are [Query] values, and a [Module] ties them
// together. Everything in a decider is a pure function: no clock, no I/O, no context. That is what makes a
// retry after a conflict safe and a test of the domain need no store.
//
// The ports ([EventStore], [Feed], [Snapshots], [ViewStore]) say what a log and a read side must do; the
// adapters (memory, jetstream, postgres) do it, and the suites of package estest hold them to it.
//
// The package imports the standard library, and encoding/json as Go 1.27 will have it.
package es
