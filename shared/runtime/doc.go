// Package runtime runs a domain: the [Executor] turns commands into commits, the [Projector] folds commits
// into views, and [Queries] answers from views and from the log. It knows the ports of package es and no
// adapter.
package runtime
