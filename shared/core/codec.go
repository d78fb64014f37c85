package core

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Marshal encodes a payload or a state. All JSON of events, commands, states and documents goes through
// Marshal and [Unmarshal], so that the encoder can be changed in one place. A type that panics as it encodes itself is an
// error: some of what is encoded is nobody's request.
func Marshal(v any) (data json.RawMessage, err error) {
	e := encoders.Get().(*encoder)
	defer e.free()
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("encoding %T panicked: %v", v, p)
		}
	}()
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.Clone(bytes.TrimSuffix(e.out.Bytes(), []byte{'\n'})), nil
}

// encoder is a JSON encoder with its buffer, which every command needs several times.
type encoder struct {
	*json.Encoder
	out bytes.Buffer
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.Encoder = json.NewEncoder(&e.out)
	e.SetEscapeHTML(false) // what is stored is no HTML, and should come back as it was
	return e
}}

// free gives the encoder back, unless it holds the memory of something uncommonly large.
func (e *encoder) free() {
	const largest = 64 << 10
	if e.out.Cap() <= largest {
		e.out.Reset()
		encoders.Put(e)
	}
}

// Unmarshal decodes what the system itself has written. Fields that the type no longer has are ignored: an
// old event may hold more than today's struct.
func Unmarshal(data []byte, into any) error {
	if jsonv2.Unmarshal(data, into, atOnce) == nil {
		return nil
	}
	if err := jsonv1.Unmarshal(data, into); err != nil { // what is wrong, in the words that callers know
		return fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	return nil
}

// atOnce decodes as encoding/json does, but does not go through the whole input first to see whether it is JSON at all.
var atOnce = jsonv2.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false))

// UnmarshalStrict decodes what came from outside: one JSON value in valid UTF-8, without fields that the
// type doesn't have.
func UnmarshalStrict(data []byte, into any) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("%w: not valid UTF-8", ErrBadPayload)
	}
	d := jsonv1.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("no JSON value")
		}
		return fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one JSON value", ErrBadPayload)
	}
	return nil
}

// HashCommand is a fingerprint of a command's name and body that ignores white space between tokens: 128
// bits of SHA-256 in hexadecimal. Two requests with one command id and different hashes are not one command.
func HashCommand(name string, body []byte) string {
	if whole, err := Compact(bytes.Trim(body, " \t\r\n")); err == nil { // a file ends with a line break
		body = whole
	}
	const usual = 1 << 10 // bytes, which need no memory of the heap
	text := append(append(make([]byte, 0, usual), name...), 0)
	sum := sha256.Sum256(append(text, body...))
	return hex.EncodeToString(sum[:16])
}

// compact is JSON without white space between its tokens: the same bytes where there is none, as in all that [Marshal] writes.
func Compact(data []byte) ([]byte, error) {
	if !spaced(data) {
		return data, nil
	}
	var out bytes.Buffer
	err := json.Compact(&out, data)
	return out.Bytes(), err
}

// spaced reports whether there is white space between the tokens of JSON.
func spaced(data []byte) bool {
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case b > '"': // most are
		case b == '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case b <= ' ':
			return true
		}
	}
	return false
}
