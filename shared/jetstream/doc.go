// Package jetstream keeps the event log in NATS JetStream.
//
// The log is P streams, ORX_EVENTS_0 to ORX_EVENTS_{P-1}. A commit is one message on the subject
// orx.evt.<partition>.<tenant>.<category>.<id> whose body is a batch of CloudEvents and whose headers carry the
// expected sequence, the version, a hash of the command, and back-pointers to earlier commits of the same stream. Any
// NATS client can read it.
//
// [Bus], [Deadlines] and [KeyValue] keep messages, deadlines and values beside the log. They share its server: the
// connection, the configuration, the retries, and the failover to another node of the cluster.
package jetstream
