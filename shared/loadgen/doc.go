// Package loadgen generates load and measures the latencies of the responses: closed-loop, where each worker waits for its
// response before it sends the next request, or open-loop, where requests are due at a fixed rate.
package loadgen
