// Package memory implements the ports of package port in memory, for development and tests. It has the semantics of the
// real adapters, which the same suites test, and keeps its data until the process ends.
package memory
