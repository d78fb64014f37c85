package core

import (
	"strings"
	"unicode/utf8"
)

// IsText reports whether every store accepts a text: valid UTF-8 without U+0000, which Postgres rejects.
func IsText(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }
