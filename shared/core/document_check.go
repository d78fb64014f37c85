package core

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// FieldText returns the value of a declared field of a document, as lists compare it: a text or a number without quotes,
// and the JSON of any other value. It returns false where the field is missing or null.
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

// CheckDocument returns an error that wraps [ErrBadPayload] for a document that a store can't index: a field of kind
// [Number] does not hold a number, or a text contains a NUL character.
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

// plainNumbers reports whether each number field of a document, encoded by [Marshal], is certainly a number. It does not
// decode the document; false means that the caller has to.
func (v ViewSpec) plainNumbers(document []byte) bool {
	object := len(document) > 1 && document[0] == '{' && document[len(document)-1] == '}'
	if !object || bytes.IndexByte(document, '\\') >= 0 { // without a backslash, each quote begins or ends a text
		return false
	}
	for _, f := range v.Fields {
		if f.Kind == Number && !plainNumberIn(document, f.Name) {
			return false
		}
	}
	return true
}

// plainNumberIn reports whether each field of this name in the document, at any depth, is certainly a number.
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

// allDigits reports whether the text consists of 1 to 500 digits.
func allDigits(text []byte) bool {
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 500
}

// indexNUL returns the index of the first escaped NUL in JSON, or -1. An escaped backslash before "u0000" is not a NUL.
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
		i++ // skip the escaped character
	}
	return -1
}
