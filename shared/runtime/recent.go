package runtime

import "orchestrix/shared/es"

// MaxRecent is how many commands each aggregate remembers: a command repeated later than that many commits
// of its aggregate is decided anew.
const MaxRecent = 128

// recentCommand is what an aggregate remembers of an accepted command: its first result.
type recentCommand struct {
	ID       string
	Hash     string
	Version  es.Version
	Position es.Position
	Events   []string
}

// recentCommands are the newest commands of one aggregate, oldest first, in one piece: every aggregate in the cache has
// them, and what holds no pointers costs the garbage collector nothing. What is written stays as it is, so that a copy can
// be read while commands are added to the original.
type recentCommands struct {
	entries []byte // see recent_codec.go
	count   int
}

// find returns the newest command of this id, or nil where none is remembered. It returns an error where what a snapshot
// has brought can't be read.
func (r recentCommands) find(id string) (*recentCommand, error) {
	var newest recentEntry
	for rest := r.entries; len(rest) > 0; {
		var e recentEntry
		if e, rest = cutRecent(rest); e.is(id) {
			newest = e
		}
	}
	if newest == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return newest.decode()
}

// add remembers the command behind a commit and forgets the oldest where there are too many.
func (r recentCommands) add(c *es.Commit) recentCommands {
	if r.count == MaxRecent {
		_, r.entries = cutRecent(r.entries)
		r.count--
	}
	r.entries = appendRecent(r.entries, c)
	r.count++
	return r
}
