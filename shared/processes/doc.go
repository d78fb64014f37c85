// Package processes is the engine's half of processes and sagas: what an instance records, how it decides about a trigger,
// and the built-in view of all instances.
//
// An instance is an aggregate. A [Trigger] (an event, the result of a command, a passed deadline) is delivered to it by a
// command of this package ([ReactCommand]); its events ([Reacted], [Parked], [Completed], …) hold the next state and the
// effects, which package runtime/process executes after they are recorded. A [SagaDefinition] compiles to a [Definition].
//
// Package es makes definitions from an author's values, runtime/process and adminapi execute the commands, and estest tests
// reactions with them. The package is pure: no clock, no I/O, no bus, no store.
package processes
