// Package readme holds the tests of the documents: their commands are run, their examples compared with what the platform
// does, their links followed.
package readme
