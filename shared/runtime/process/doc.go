// Package process runs process instances and sagas.
//
// [Runner] is its main type; the process service runs it. It follows the log with a [follower.Follower], and receives the results
// of commands from the bus and the deadlines that have passed. Each of these triggers the reaction of an instance, which the
// runner records as a commit in the instance's stream. When the follower delivers that commit, the runner carries out its
// effects: it publishes commands to the bus, and sets and cancels deadlines. Package processes decides what an instance does.
package process
