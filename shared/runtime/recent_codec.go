package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"

	"orchestrix/shared/es"
)

// Each recent command is an entry: how many bytes follow, in four bytes, and in these the id, the hash, the version, the
// position and the kinds of the events, each text with its length before it. Numbers are those of [binary.AppendUvarint].
// A snapshot has the entries as they are in memory. There may be 128 of them, and every command looks through all: the
// length leads from one to the next, and only the one that is asked for is decoded.

const entryHead = 4 // bytes

var errRecentForm = errors.New("the recent commands end in the middle of one")

// appendRecent appends the entry of a commit.
func appendRecent(entries []byte, c *es.Commit) []byte {
	var room [256]byte
	e := appendText(room[:entryHead], c.Command.ID)
	e = appendText(e, c.Command.Hash)
	e = binary.AppendUvarint(e, uint64(c.Version))
	e = binary.AppendUvarint(e, uint64(c.Position.Partition))
	e = binary.AppendUvarint(e, c.Position.Sequence)
	for i := range c.Events {
		e = appendText(e, c.Events[i].Kind())
	}
	binary.LittleEndian.PutUint32(e, uint32(len(e)-entryHead))
	return append(entries, e...)
}

func appendText(e []byte, text string) []byte {
	return append(binary.AppendUvarint(e, uint64(len(text))), text...)
}

// cutRecent cuts the first entry off. Where there is no whole one, it returns nil.
func cutRecent(entries []byte) (first recentEntry, rest []byte) {
	if len(entries) < entryHead {
		return nil, nil
	}
	end := entryHead + int(binary.LittleEndian.Uint32(entries))
	if len(entries) < end {
		return nil, nil
	}
	return entries[entryHead:end], entries[end:]
}

// recentEntry is what follows the length of an entry.
type recentEntry []byte

// is reports whether the entry is that of a command.
func (e recentEntry) is(id string) bool {
	size, n := binary.Uvarint(e)
	return n > 0 && size == uint64(len(id)) && len(e) >= n+len(id) && string(e[n:n+len(id)]) == id
}

func (e recentEntry) decode() (*recentCommand, error) {
	whole := true
	number := func() uint64 {
		value, n := binary.Uvarint(e)
		if n <= 0 {
			whole, n = false, len(e)
		}
		e = e[n:]
		return value
	}
	text := func() string {
		size := number()
		if size > uint64(len(e)) {
			whole, size = false, 0
		}
		value := string(e[:size])
		e = e[size:]
		return value
	}
	c := &recentCommand{ID: text(), Hash: text(), Version: es.Version(number())}
	c.Position.Partition, c.Position.Sequence = int(number()), number()
	for len(e) > 0 {
		c.Events = append(c.Events, text())
	}
	if !whole {
		return nil, fmt.Errorf("%w: of %q", errRecentForm, c.ID)
	}
	return c, nil
}

// decodeRecent takes over the entries of a snapshot.
func decodeRecent(entries []byte) (recentCommands, error) {
	r := recentCommands{entries: entries}
	for rest := entries; len(rest) > 0; r.count++ {
		var first recentEntry
		if first, rest = cutRecent(rest); first == nil {
			return recentCommands{}, errRecentForm
		}
	}
	return r, nil
}
