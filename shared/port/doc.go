// Package port defines the interfaces between the engine and its stores: the log ([Log]), snapshots ([Snapshots]), the read
// side ([ViewStore]), the bus ([MessageBus]), deadlines ([Deadlines]) and small values ([KeyValue]), with their values, limits
// and errors.
//
// Packages memory, jetstream and postgres implement the ports; the suites of package porttest test the implementations. The
// engine (packages runtime/…) depends on the ports only.
//
// The package holds interfaces, the values that they exchange, their checks, and algorithms that every adapter or follower
// needs ([Read], [Walk], [NextAttempt]). Drivers, subjects, tables and goroutines belong to the adapters.
package port
