// Package e2e drives the real binaries as a user does: it builds them, starts NATS, Postgres and the services
// as processes, talks to them over HTTP and the command-line tool, stops and kills them, and looks at what is
// left.
package e2e
