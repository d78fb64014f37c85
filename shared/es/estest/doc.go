// Package estest holds what tests of event-sourced code share: the suite that every adapter of a port must
// pass, and a Given/When/Then for domains.
package estest
