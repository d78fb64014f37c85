package core

import (
	"fmt"
)

// MaxTokenLength is the longest tenant, category or id, in bytes.
const MaxTokenLength = 64

// TokenPattern is the regular expression of tokens, for schemas: tenants, categories, ids, names of commands and events.
// [CheckToken] applies the same rule.
const TokenPattern = `^[A-Za-z0-9_-]{1,64}$` //nolint:gosec // no credentials

// CheckToken returns an error that wraps [ErrBadToken] unless value matches [TokenPattern]: such a value is safe between two
// dots of a subject, in a path, and in a key of any store. what names the value in the error.
func CheckToken(what, value string) error {
	if value == "" {
		return fmt.Errorf("%w: %s is empty", ErrBadToken, what)
	}
	if len(value) > MaxTokenLength {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", ErrBadToken, what, len(value), MaxTokenLength)
	}
	for i := range len(value) {
		if !IsTokenByte(value[i]) {
			return fmt.Errorf("%w: %s %q may hold only letters, digits, '_' and '-'", ErrBadToken, what, value)
		}
	}
	return nil
}

// IsTokenByte reports whether a token may contain the byte: a letter, a digit, '_' or '-'.
func IsTokenByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-'
}

// MaxCommandIDLength is the longest command id, in bytes.
const MaxCommandIDLength = 128

// CheckCommandID returns an error that wraps [ErrBadToken] unless id has 1 to 128 printable ASCII characters
// without space: it travels in headers of HTTP and NATS.
func CheckCommandID(id string) error {
	if id == "" {
		return fmt.Errorf("%w: command id is empty", ErrBadToken)
	}
	if len(id) > MaxCommandIDLength {
		return fmt.Errorf("%w: command id has %d bytes, at most %d are allowed", ErrBadToken, len(id), MaxCommandIDLength)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("%w: command id %q may hold only printable ASCII characters without space", ErrBadToken, id)
		}
	}
	return nil
}
