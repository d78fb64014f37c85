package command

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Each recent command is encoded as its length in four bytes (little-endian), followed by the id, the hash, the version, the
// position and the kinds of the events. Each text has its length before it; numbers are those of [binary.AppendUvarint].
// A snapshot holds the same bytes as memory. Every command searches all of up to 128: the length leads from one to the next,
// and only the wanted one is decoded.

const lengthSize = 4 // bytes

var errRecentForm = errors.New("the recent commands end in the middle of one")

// appendRecent appends the command of a commit.
func appendRecent(encoded []byte, c *core.Commit) []byte {
	var room [256]byte
	e := appendText(room[:lengthSize], c.Command.ID)
	e = appendText(e, c.Command.Hash)
	e = binary.AppendUvarint(e, uint64(c.Version))
	e = binary.AppendUvarint(e, uint64(c.Position.Partition))
	e = binary.AppendUvarint(e, c.Position.Sequence)
	for i := range c.Events {
		e = appendText(e, c.Events[i].Kind())
	}
	binary.LittleEndian.PutUint32(e, uint32(len(e)-lengthSize))
	return append(encoded, e...)
}

func appendText(e []byte, text string) []byte {
	return append(binary.AppendUvarint(e, uint64(len(text))), text...)
}

// cutRecent cuts the first command off. It returns nil if there is no complete one.
func cutRecent(encoded []byte) (first encodedCommand, rest []byte) {
	if len(encoded) < lengthSize {
		return nil, nil
	}
	end := lengthSize + int(binary.LittleEndian.Uint32(encoded))
	if len(encoded) < end {
		return nil, nil
	}
	return encoded[lengthSize:end], encoded[end:]
}

// encodedCommand is one encoded command without its length.
type encodedCommand []byte

// is reports whether the command has this id.
func (e encodedCommand) is(id string) bool {
	size, n := binary.Uvarint(e)
	return n > 0 && size == uint64(len(id)) && len(e) >= n+len(id) && string(e[n:n+len(id)]) == id
}

func (e encodedCommand) decode() (*recentCommand, error) {
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
	c := &recentCommand{ID: text(), Hash: text(), Version: core.Version(number())}
	c.Position.Partition, c.Position.Sequence = int(number()), number()
	for len(e) > 0 {
		c.Events = append(c.Events, text())
	}
	if !whole {
		return nil, fmt.Errorf("%w: of %q", errRecentForm, c.ID)
	}
	return c, nil
}

// decodeRecent returns the commands of a snapshot. It keeps the slice.
func decodeRecent(encoded []byte) (recentCommands, error) {
	r := recentCommands{encoded: encoded}
	for rest := encoded; len(rest) > 0; r.count++ {
		var first encodedCommand
		if first, rest = cutRecent(rest); first == nil {
			return recentCommands{}, errRecentForm
		}
	}
	return r, nil
}
