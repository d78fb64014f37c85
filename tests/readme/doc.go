// Package readme holds the test of what the README shows.
package readme
