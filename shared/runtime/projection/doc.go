// Package projection folds the commits of the log into the documents of views.
//
// [Projector] is its main type; the projection service runs it. It is a [follower.Follower] with a handler for each view. A batch
// of commits becomes the steps of a view, the steps are folded into documents, and documents and checkpoint are stored in one
// transaction. Small batches of several views share a transaction.
//
// An event that can't be applied is parked, and later events of its lane queue behind it. [ParkedEvents] retries and skips parked
// events for operators. Package verify uses [DocumentFold] and [AppendSteps] to fold documents without storing them.
package projection
