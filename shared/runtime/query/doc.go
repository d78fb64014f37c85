// Package query answers reads.
//
// [Queries] is its main type; the query API calls it. Documents and lists come from the store of the views, after a wait for the
// positions that the client names in a [Wait]. States and histories of streams come from the log. A module's query runs with the
// views of its tenant.
package query
