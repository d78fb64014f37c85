// Package backup copies an event log into a directory and restores it into a new log. A backup consists of a manifest and
// segments: files of commits, each with a checksum.
//
// [Write] runs while the services run, and can be interrupted: the next call continues it, and appends the commits that the
// log has got since. [Restore] needs an empty log, of any kind and with any number of partitions.
package backup
