package core

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxKeyLength is the longest key of a document, in bytes.
const MaxKeyLength = 256

// CheckKey returns an error that wraps [ErrBadToken] unless key has the form of a document's key: 1 to 256 bytes of UTF-8
// without control characters.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyLength || !utf8.ValidString(key) {
		return fmt.Errorf("%w: key %.300q must have 1 to %d bytes of UTF-8", ErrBadToken, key, MaxKeyLength)
	}
	for _, r := range key {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: key %q holds a control character", ErrBadToken, key)
		}
	}
	return nil
}
