package core

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// FieldText is the value of a declared field of a document, as lists compare it: the text or the number
// itself, and the JSON of anything else. It is false where the document has no such field or a null.
func FieldText(document map[string]json.RawMessage, name string) (string, bool) {
	raw := document[name]
	if len(raw) == 0 || string(raw) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	return string(raw), true
}

// CheckDocument returns an error that wraps [ErrBadPayload] where a store could not index the document: a field of
// kind [Number] holds no number, or a text holds a NUL character.
func (v ViewSpec) CheckDocument(data json.RawMessage) error {
	if len(v.Fields) == 0 {
		return nil
	}
	if i := indexNUL(data); i >= 0 {
		return fmt.Errorf("%w: view %s: the document holds a NUL character (\\u0000) at byte %d", ErrBadPayload, v.Name, i)
	}
	if v.plainNumbers(data) {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("%w: view %s: %w", ErrBadPayload, v.Name, err)
	}
	for _, f := range v.Fields {
		if text, ok := FieldText(fields, f.Name); ok && f.Kind == Number && !IsDecimal(text) {
			return fmt.Errorf("%w: view %s: field %q is declared as a number, the document holds %.100q", ErrBadPayload, v.Name, f.Name, text)
		}
	}
	return nil
}

// plainNumbers reports whether every number field is plainly a number in a document that [Marshal] has written, without
// making anything of it. Where it says no, nothing is known.
func (v ViewSpec) plainNumbers(document []byte) bool {
	object := len(document) > 1 && document[0] == '{' && document[len(document)-1] == '}'
	if !object || bytes.IndexByte(document, '\\') >= 0 { // without one, every quote begins or ends a text
		return false
	}
	for _, f := range v.Fields {
		if f.Kind == Number && !plainNumberIn(document, f.Name) {
			return false
		}
	}
	return true
}

// plainNumberIn reports whether all that has this name in the document, at whatever depth, is plainly a number.
func plainNumberIn(document []byte, name string) bool {
	for {
		_, after, found := bytes.Cut(document, []byte(`"`+name+`":`))
		if !found {
			return true
		}
		end := bytes.IndexAny(after, ",}")
		if end < 0 || !plainNumber(after[:end]) {
			return false
		}
		document = after[end:]
	}
}

// plainNumber reports whether a value is a short decimal, as a number or as a text.
func plainNumber(value []byte) bool {
	if text, quoted := bytes.CutPrefix(value, []byte(`"`)); quoted {
		if value, quoted = bytes.CutSuffix(text, []byte(`"`)); !quoted {
			return false
		}
	}
	value = bytes.TrimPrefix(value, []byte("-"))
	whole, fraction, point := bytes.Cut(value, []byte("."))
	return allDigits(whole) && (!point || allDigits(fraction))
}

// allDigits reports whether there are some digits, not too many, and nothing else.
func allDigits(text []byte) bool {
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 500
}

// indexNUL finds an escaped NUL in JSON; an escaped backslash before "u0000" is none.
func indexNUL(data []byte) int {
	if bytes.IndexByte(data, '\\') < 0 {
		return -1
	}
	for i := 0; i+1 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if strings.HasPrefix(string(data[i+1:min(i+6, len(data))]), "u0000") {
			return i
		}
		i++ // whatever is escaped
	}
	return -1
}
