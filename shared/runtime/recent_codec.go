package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"orchestrix/shared/es"
)

// In a snapshot, recent commands are one text: five words for each. A snapshot may hold 128 of them, and a cold load
// should not spend its time on their JSON.

const (
	recentWords = 5   // version, position, hash, kinds, id
	noWord      = "-" // in the place of an empty one
)

// MarshalJSON implements [json.Marshaler]. A command that a foreign writer has named in a way that no request could is
// left out: it can't be repeated.
func (r recentCommands) MarshalJSON() ([]byte, error) {
	var text strings.Builder
	for _, c := range r {
		words := [recentWords]string{c.Version.String(), c.Position.String(), c.Hash, strings.Join(c.Events, ","), c.ID}
		if strings.ContainsAny(strings.Join(words[2:], ""), " \n") || es.CheckCommandID(c.ID) != nil {
			continue
		}
		for _, word := range words {
			if word == "" {
				word = noWord
			}
			if text.Len() > 0 {
				text.WriteByte(' ')
			}
			text.WriteString(word)
		}
	}
	return es.Marshal(text.String())
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *recentCommands) UnmarshalJSON(data []byte) error {
	text, err := plainText(data)
	if err != nil {
		return err
	}
	*r = nil
	if text == "" {
		return nil
	}
	count := strings.Count(text, " ") + 1
	if count%recentWords != 0 {
		return fmt.Errorf("recent commands have %d words, which is no multiple of %d", count, recentWords)
	}
	commands := make(recentCommands, count/recentWords)
	var kinds string
	for i := range commands {
		c := &commands[i]
		var words [recentWords]string
		for n := range words {
			words[n], text, _ = strings.Cut(text, " ")
		}
		version, err := strconv.ParseUint(words[0], 10, 64)
		if err != nil {
			return err
		}
		if c.Position, err = es.ParsePosition(words[1]); err != nil {
			return err
		}
		c.Version, c.ID = es.Version(version), words[4]
		if words[2] != noWord {
			c.Hash = words[2]
		}
		if i > 0 && words[3] == kinds {
			c.Events = commands[i-1].Events // nobody changes them
		} else if kinds = words[3]; kinds != noWord {
			c.Events = strings.Split(kinds, ",")
		}
	}
	*r = commands
	return nil
}

// plainText reads a JSON string; one without escapes is what stands between its quotes.
func plainText(data []byte) (text string, err error) {
	if n := len(data); n >= 2 && data[0] == '"' && bytes.IndexByte(data, '\\') < 0 {
		return string(data[1 : n-1]), nil
	}
	err = json.Unmarshal(data, &text)
	return text, err
}
