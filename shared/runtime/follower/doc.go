// Package follower follows the log for handlers of commits, such as the views of package projection and the runner of package
// process.
//
// [Follower] is its main type. Workers of one kind share the partitions of the log by leases. For each lease that it holds, a
// follower reads the partition from its checkpoint on, decodes the commits once for all handlers, and passes them in batches to a
// [CommitHandler]. The handler moves the checkpoint in the transaction of its own effects, by a [Checkpointer]. The follower also
// creates, activates and drops the builds of views.
package follower
