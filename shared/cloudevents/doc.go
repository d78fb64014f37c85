// Package cloudevents is the codec of commits in the log and of events in HTTP answers: batches of CloudEvents 1.0 in the JSON
// format. [Encode] and [Decode] convert the body of a commit, [EventsOf] returns its events for answers.
//
// Packages jetstream, postgres and backup write and read the log with it, and httpapi the answers. docs/log-format.md describes
// the form for readers in other languages; a change here is a change of the log's format. Subjects and headers belong to
// package jetstream, the payloads of events to package core.
package cloudevents
