// Package memory implements the ports of package es in memory: the same semantics at another speed, for work
// on a domain and for tests. What it holds is gone with the process.
package memory
