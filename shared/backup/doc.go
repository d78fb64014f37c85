// Package backup copies a log into a directory and back, while the system runs. A backup is a manifest and segments,
// files of commits with a checksum each; it can be interrupted and gone on with, and it grows with the log.
package backup
