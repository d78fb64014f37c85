// Package runtime runs a domain: the [command.Executor] turns commands into commits, the [projection.Projector] folds commits
// into views, and [query.Queries] answers from views and from the log. It knows the ports of package es and no
// adapter.
package runtime
