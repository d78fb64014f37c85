package core

// Revision returns the end of the stream after this commit.
func (c *Commit) Revision() Revision {
	return Revision{Version: c.Version, Position: c.Position, Previous: c.Previous}
}

// Revision is the end of a stream as a writer knows it. An append succeeds only if the stream still has the expected
// revision. The zero Revision is that of a stream without events.
type Revision struct {
	Version  Version
	Position Position // of the newest commit
	Previous []uint64 // as [Commit.Previous] of the newest commit
}

// Next returns the back-pointers ([Commit.Previous]) of the commit that follows this revision.
func (r Revision) Next() []uint64 {
	if r.Position.Sequence == 0 {
		return nil
	}
	kept := min(len(r.Previous), MaxPrevious-1)
	next := make([]uint64, 0, kept+1)
	next = append(next, r.Position.Sequence)
	return append(next, r.Previous[:kept]...)
}
