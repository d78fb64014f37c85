// Package clients checks the API documents of a running platform, and the clients that are generated from them.
package clients
