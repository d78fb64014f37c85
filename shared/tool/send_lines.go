package tool

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// maxLine is the maximum length of a line, in bytes: more than the maximum body of the command service.
const maxLine = 2 << 20

// line is one command of the input.
type line struct {
	Category  string          `json:"category"`
	ID        string          `json:"id"`
	Command   string          `json:"command"`
	CommandID string          `json:"command_id"`
	Data      json.RawMessage `json:"data"`

	number int
}

func (l *line) stream() core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: l.Category, ID: l.ID}
}

// rawLine is a line that is not empty, with its number from 1.
type rawLine struct {
	number int
	text   []byte
}

// readLines yields the lines that are not empty. A text is valid until the next line.
func readLines(r io.Reader) iter.Seq2[rawLine, error] {
	return func(yield func(rawLine, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 64<<10), maxLine)
		number := 0
		for scanner.Scan() {
			number++
			if text := bytes.TrimSpace(scanner.Bytes()); len(text) > 0 && !yield(rawLine{number, text}, nil) {
				return
			}
		}
		err := scanner.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line %d is longer than %d bytes: no command may be that large", number+1, maxLine)
		}
		if err != nil {
			yield(rawLine{}, err)
		}
	}
}

// parser reads lines. A line without a command id gets an id that is the same each time the file is read.
type parser struct {
	seen map[string]int // number of lines without an id, by their hash
}

func (p *parser) parse(raw rawLine) (line, error) {
	l := line{number: raw.number}
	if err := core.UnmarshalStrict(raw.text, &l); err != nil {
		return l, err
	}
	if l.Command == "" {
		return l, errors.New("it has no \"command\"")
	}
	if err := l.stream().Check(); err != nil {
		return l, err
	}
	if l.CommandID == "" {
		l.CommandID = p.derive(&l)
	}
	if len(l.Data) == 0 {
		l.Data = json.RawMessage("{}")
	}
	return l, core.CheckCommandID(l.CommandID)
}

func (p *parser) derive(l *line) string {
	sum := sha256.Sum256([]byte(l.stream().Path() + "/" + core.HashCommand(l.Command, l.Data)))
	hash := hex.EncodeToString(sum[:16])
	p.seen[hash]++
	return "line-" + hash + "-" + strconv.Itoa(p.seen[hash])
}
