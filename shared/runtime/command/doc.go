// Package command turns commands into commits of the log.
//
// [Executor] is its main type. The command API, the workers of package async and the process runner call it with a
// [runtime.Command]. The executor waits for the aggregate's slot in its cache, loads the aggregate if the slot is empty or stale,
// calls the domain's decide function, and appends the events with the revision that it expects of the stream. The result is a
// [runtime.Result], or an error.
//
// [Loader] folds an aggregate from a snapshot and the log. Package query uses it too.
package command
