// Package es is what a bounded context is written with. Events, commands and documents are plain structs.
//
//   - Model an aggregate: a [Decider] has a command handler for each command ([Handle], which returns [Accept] or
//     [Reject]) and an evolve function for each event ([Apply]). An event that changes gets [From] (another payload) or
//     [Formerly] (another name).
//   - Fold a view: a [View] has a plain function for each event ([On], [OnKey], [OnKeys]). The long forms ([OnWith],
//     [OnKeyWith], [OnKeysWith]) also take the event's [Meta], and may return an error or [Delete].
//   - Ask a query: a [Query] reads views with [Get] and [List].
//   - Connect aggregates: a [Process] reacts to events and to the results of its commands; a [Saga] is a process whose
//     steps are undone where a later one fails.
//   - Offer all of it: a [Module] lists them, and [NewRegistry] checks modules.
//   - Test it without a store: see Given, Project and GivenProcess of package estest.
//
// Decide, evolve and fold functions are pure: no clock, no I/O, no context. A retry after a conflict is therefore safe.
//
// The ports ([port.EventStore], [port.Feed], [port.Snapshots], [port.ViewStore]) define what a log and a read side do; the adapters (memory,
// jetstream, postgres) implement them, and the suites of package estest test the adapters.
//
// The package imports the standard library, and encoding/json as Go 1.27 will have it.
package es
