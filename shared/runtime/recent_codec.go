package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"orchestrix/shared/es"
)

// In a snapshot, each recent command is a line of words: version, position, hash, kinds, id. There may be 128 of them,
// and a cold load should not spend its time on their JSON.

const (
	noWord     = "-" // in the place of an empty one
	recentSize = 128 // bytes that a line rarely exceeds
)

// encode appends the commands to data. A command that a foreign writer has named in a way that no request could is left
// out: it can't be repeated.
func (r recentCommands) encode(data []byte) []byte {
	for _, c := range r {
		kinds := strings.Join(c.Events, ",")
		if strings.ContainsAny(c.Hash, " \n") || strings.ContainsAny(kinds, " \n") || es.CheckCommandID(c.ID) != nil {
			continue
		}
		data = append(strconv.AppendUint(data, uint64(c.Version), 10), ' ')
		data = append(strconv.AppendInt(data, int64(c.Position.Partition), 10), '-')
		data = append(strconv.AppendUint(data, c.Position.Sequence, 10), ' ')
		data = append(append(data, orElse(c.Hash, noWord)...), ' ')
		data = append(append(data, orElse(kinds, noWord)...), ' ')
		data = append(append(data, c.ID...), '\n')
	}
	return data
}

// decodeRecent reads what encode writes.
func decodeRecent(text string) (recentCommands, error) {
	commands := make(recentCommands, 0, strings.Count(text, "\n"))
	var kinds string
	for text != "" {
		line, rest, ended := strings.Cut(text, "\n")
		text = rest
		version, line, _ := strings.Cut(line, " ")
		position, line, _ := strings.Cut(line, " ")
		hash, line, _ := strings.Cut(line, " ")
		words, id, _ := strings.Cut(line, " ")
		if !ended || id == "" || strings.IndexByte(id, ' ') >= 0 {
			return nil, fmt.Errorf("recent command %d is no line of five words", len(commands)+1)
		}
		c := recentCommand{ID: id}
		v, err := strconv.ParseUint(version, 10, 64)
		if err != nil {
			return nil, err
		}
		if c.Position, err = es.ParsePosition(position); err != nil {
			return nil, err
		}
		c.Version = es.Version(v)
		if hash != noWord {
			c.Hash = hash
		}
		if n := len(commands); n > 0 && words == kinds {
			c.Events = commands[n-1].Events // nobody changes them
		} else if kinds = words; kinds != noWord {
			c.Events = strings.Split(kinds, ",")
		}
		commands = append(commands, c)
	}
	return commands, nil
}
