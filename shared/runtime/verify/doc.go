// Package verify checks a log and its views, for operators.
//
// [Run] reads the log once and returns a [Report] with a [Finding] for each fault: in the log itself, and in documents of views
// that differ from what the log folds to. The command line tool calls it.
package verify
