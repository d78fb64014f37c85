// Package porttest holds the suites that each implementation of a port must pass: one exported function for each port, which
// takes a function that opens an empty store. The adapters' own tests call them.
//
// A suite tests the promises that package port documents, over the port's methods only, and waits for conditions. Tests of one
// adapter (its subjects, tables, faults of its server) belong to the adapter.
package porttest
