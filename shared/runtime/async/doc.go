// Package async executes commands whose clients do not wait for the result.
//
// [Submitter] stores a pending status and publishes the command to [port.CommandTopic]; the command API calls it. [Worker] takes
// the commands of the topic in order per aggregate, passes them to an executor, stores the final status, and sends it to the
// process and the inbox that the message names. [StatusStore] keeps the statuses in a key-value store, where clients poll them.
package async
