// Package runtime is what the rooms of the engine share: commands and their results, the messages that carry them over the bus,
// and the errors. The rooms run a domain on the ports of package port and know no adapter:
//
//   - runtime/command decides commands and appends their events to the log.
//   - runtime/async executes the commands that arrive over the bus.
//   - runtime/follower follows the log, with leases and checkpoints, for handlers of commits.
//   - runtime/projection is the handler that folds commits into views.
//   - runtime/process is the handler that runs process instances and sagas.
//   - runtime/query answers from views and from streams.
//   - runtime/verify checks a log and the views that result from it.
//
// A [Command] comes from the HTTP API or, as an [AsyncMessage], from the bus. Its result is a [Result], or an [AsyncStatus] for the
// client of an asynchronous command and for the process that has sent it.
package runtime
