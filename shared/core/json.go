package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Marshal encodes a payload, a state or a document. All JSON of events, commands, states and documents goes through
// Marshal and [Unmarshal], so that the encoder can be changed in one place. A panic of a MarshalJSON method is returned as
// an error, because states and documents are also encoded outside of requests, where no handler recovers panics.
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

// encoder is a JSON encoder with its buffer. Encoders are pooled, because each command needs several.
type encoder struct {
	*json.Encoder
	out bytes.Buffer
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.Encoder = json.NewEncoder(&e.out)
	e.SetEscapeHTML(false) // stored data is not HTML
	return e
}}

// free returns the encoder to the pool, unless its buffer has grown unusually large.
func (e *encoder) free() {
	const largest = 64 << 10
	if e.out.Cap() <= largest {
		e.out.Reset()
		encoders.Put(e)
	}
}

// Unmarshal decodes data that the platform has written. Unknown fields are ignored: an old event may hold fields that its
// current type has lost. Errors wrap [ErrBadPayload].
func Unmarshal(data []byte, into any) error {
	if jsonv2.Unmarshal(data, into, singlePass) == nil {
		return nil
	}
	if err := jsonv1.Unmarshal(data, into); err != nil { // for an error in the words of encoding/json
		return fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	return nil
}

// singlePass decodes with the rules of encoding/json, but without a first pass that only validates the input.
var singlePass = jsonv2.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false))

// UnmarshalStrict decodes data from outside: one JSON value in valid UTF-8, without fields that the type lacks. Errors wrap
// [ErrBadPayload].
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

// Compact removes white space between the tokens of JSON. It returns data itself where there is none, as in all output of
// [Marshal].
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
