package runtime

import (
	"slices"

	"orchestrix/shared/es"
)

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

// recentCommands are the newest commands of one aggregate, oldest first.
type recentCommands []recentCommand

func (r recentCommands) find(id string) (recentCommand, bool) {
	for i := len(r) - 1; i >= 0; i-- {
		if r[i].ID == id {
			return r[i], true
		}
	}
	return recentCommand{}, false
}

// add remembers the command behind a commit and forgets the oldest where there are too many.
func (r recentCommands) add(c *es.Commit) recentCommands {
	if len(r) >= MaxRecent {
		r = slices.Delete(r, 0, len(r)-MaxRecent+1)
	}
	return append(r, recentCommand{
		ID: c.Command.ID, Hash: c.Command.Hash, Version: c.Version, Position: c.Position, Events: c.Kinds(),
	})
}
