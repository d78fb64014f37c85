package clip

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text with what is not for printing in the form of a Go literal: control characters and line breaks, marks
// that change the direction of what follows, and bytes that are not UTF-8.
func Printable(text string) string { return string(appendPrintable(nil, []byte(text), "")) }

// IsPrintable reports whether [Printable] returns text unchanged.
func IsPrintable(text string) bool { return Printable(text) == text }

// printableWriter is the writer of [Terminal].
type printableWriter struct {
	out  io.Writer
	rest []byte // the start of a character whose other bytes have not been written yet
}

// Terminal returns a writer that escapes all that is not for printing, as [Printable] does, except tabs and line breaks. What
// services and stores hold may come from anyone, and a terminal obeys what it prints: it must get texts from outside through
// this writer.
func Terminal(out io.Writer) io.Writer { return &printableWriter{out: out} }

// Write implements [io.Writer].
func (w *printableWriter) Write(p []byte) (int, error) {
	text := slices.Concat(w.rest, p)
	whole := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if start := text[len(text)-i]; utf8.RuneStart(start) {
			if !utf8.FullRune(text[len(text)-i:]) {
				whole = len(text) - i
			}
			break
		}
	}
	w.rest = append([]byte(nil), text[whole:]...)
	if _, err := w.out.Write(appendPrintable(nil, text[:whole], "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// appendPrintable escapes all that is not for printing, except the characters in keep. The escapes of characters are valid in
// JSON too.
func appendPrintable(to, text []byte, keep string) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			to = fmt.Appendf(to, `\x%02x`, text[0])
		case (unicode.IsControl(r) || isDirection(r)) && !strings.ContainsRune(keep, r):
			to = fmt.Appendf(to, `\u%04x`, r)
		default:
			to = append(to, text[:size]...)
		}
		text = text[size:]
	}
	return to
}

// isDirection reports whether r changes the direction of the text after it, or separates lines.
func isDirection(r rune) bool {
	return r == '\u061c' || r >= '\u200e' && r <= '\u200f' || r >= '\u2028' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
