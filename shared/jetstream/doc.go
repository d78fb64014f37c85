// Package jetstream keeps the event log in NATS JetStream.
//
// The log is P streams, ORX_EVENTS_0 to ORX_EVENTS_{P-1}. A commit is one message on the subject
// orx.evt.<partition>.<tenant>.<category>.<id> whose body is a batch of CloudEvents and whose headers carry the
// expected sequence, the version, a fingerprint of the command, and back-pointers to earlier commits of the same
// stream. Whoever can speak to NATS can read it.
package jetstream
