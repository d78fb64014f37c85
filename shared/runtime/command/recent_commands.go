package command

import (
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// MaxRecent is the number of commands that each aggregate remembers. A command that is repeated after more commits of its
// aggregate is decided again.
const MaxRecent = 128

// recentCommand is an accepted command and its first result.
type recentCommand struct {
	ID       string
	Hash     string
	Version  core.Version
	Position core.Position
	Events   []string
}

// recentCommands are the newest commands of one aggregate, oldest first, in one byte slice: every cached aggregate has them,
// and a slice without pointers costs the garbage collector nothing. Bytes once written never change, so that a copy can be
// read while commands are added to the original.
type recentCommands struct {
	encoded []byte // see recent_commands_codec.go
	count   int
}

// find returns the newest command of this id, or nil if there is none. It returns an error if a snapshot brought content
// that can't be decoded.
func (r recentCommands) find(id string) (*recentCommand, error) {
	var newest encodedCommand
	for rest := r.encoded; len(rest) > 0; {
		var first encodedCommand
		if first, rest = cutRecent(rest); first.is(id) {
			newest = first
		}
	}
	if newest == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return newest.decode()
}

// add appends the command of a commit, and drops the oldest one at the limit.
func (r recentCommands) add(c *core.Commit) recentCommands {
	if r.count == MaxRecent {
		_, r.encoded = cutRecent(r.encoded)
		r.count--
	}
	r.encoded = appendRecent(r.encoded, c)
	r.count++
	return r
}
