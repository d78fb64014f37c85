// Package loadgen makes load and measures how it is answered: closed-loop, where each worker waits for its answer, and
// open-loop, where requests are due at a fixed rate whatever becomes of those before them.
package loadgen
