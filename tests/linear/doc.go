// Package linear checks that the commands to an aggregate are linearizable for clients of several command services, which
// are killed during the test.
package linear
