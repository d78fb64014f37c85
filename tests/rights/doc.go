// Package rights tests the accounts of NATS that 'orchestrix keys init' writes: everything that the services do works, and
// nothing that a user sends, with any reply subject, changes a stream that it has no right to.
package rights
