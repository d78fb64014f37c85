package verify

import (
	"fmt"
	"hash/fnv"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// Finding is a fault in the log or in a view.
type Finding struct {
	Where string // a position, or a document
	What  string
}

// findings keeps the first faults and counts all: a broken log has very many.
type findings struct {
	first []Finding
	count int
}

const maxFindings = 100

func (f *findings) report(where, format string, args ...any) {
	f.count++
	if len(f.first) < maxFindings {
		f.first = append(f.first, Finding{Where: where, What: fmt.Sprintf(format, args...)})
	}
}

// logCheck checks every commit of a log. It gets those of a partition in order.
type logCheck struct {
	findings
	registry   *core.Registry
	partitions int
	commits    uint64
	noise      findings // messages that are no commits, which harm nothing
	events     uint64
	last       []uint64 // sequence, by partition
	streams    map[core.Stream]streamEnd
	commands   map[uint64]struct{} // hashes of stream and command id
}

// streamEnd is what the next commit of a stream must continue.
type streamEnd struct {
	version  core.Version
	pointers uint64 // hash of the back-pointers that the next commit must have
}

func newLogCheck(registry *core.Registry, partitions int) *logCheck {
	return &logCheck{
		registry: registry, partitions: partitions, last: make([]uint64, partitions),
		streams: map[core.Stream]streamEnd{}, commands: map[uint64]struct{}{},
	}
}

func (l *logCheck) checkCommit(c *core.Commit) {
	where := c.Position.String()
	partition := c.Position.Partition
	if want := l.last[partition] + 1; c.Position.Sequence != want {
		l.report(where, "commits are missing: the previous one is %d", l.last[partition])
	}
	l.last[partition] = c.Position.Sequence
	if c.IsNoise() {
		l.noise.report(where, "%v", c.Err)
		return
	}
	l.commits++
	if c.Err != nil {
		l.report(where, "%v", c.Err)
		return
	}
	l.events += uint64(len(c.Events))
	if belongs := core.PartitionOf(c.Stream.Tenant, c.Stream.ID, l.partitions); belongs != partition {
		l.report(where, "%s belongs to partition %d", c.Stream, belongs)
	}
	end := l.streams[c.Stream]
	if c.First() != end.version+1 {
		l.report(where, "%s continues with version %d after %d", c.Stream, c.First(), end.version)
	}
	if len(c.Previous) > 0 && end.version > 0 && hashPointers(c.Previous) != end.pointers {
		l.report(where, "%s has back-pointers %v, which are not its previous commits", c.Stream, c.Previous)
	}
	l.streams[c.Stream] = streamEnd{version: c.Version, pointers: hashPointers(c.Revision().Next())}
	command := hashText(c.Stream.Path() + " " + c.Command.ID)
	if _, twice := l.commands[command]; twice {
		l.report(where, "command %s of %s was committed before", c.Command.ID, c.Stream)
	}
	l.commands[command] = struct{}{}
	for _, e := range c.Events {
		if _, err := follower.DecodeEvent(l.registry, e); err != nil {
			l.report(where, "%s: %v", c.Stream, err)
		}
	}
}

// checkHeads compares the last commits with the heads of the partitions.
func (l *logCheck) checkHeads(heads []port.Head) {
	for partition, head := range heads {
		if l.last[partition] != head.Position.Sequence {
			l.report(head.Position.String(), "the partition reports this position as its end, but its last commit is %d", l.last[partition])
		}
	}
}

func hashPointers(pointers []uint64) uint64 {
	hash := fnv.New64a()
	for _, p := range pointers {
		var b [8]byte
		for i := range b {
			b[i] = byte(p >> (8 * i))
		}
		_, _ = hash.Write(b[:]) // it never fails
	}
	return hash.Sum64()
}

func hashText(text string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(text)) // it never fails
	return hash.Sum64()
}
