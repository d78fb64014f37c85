// Package clip shortens and escapes texts that come from outside before they go into an error, an answer, a store or a terminal.
package clip

import "strings"

// Text returns the first limit bytes of text, on a boundary between characters, and "…" behind them. A text that is no
// longer than limit is returned unchanged. Bytes that are not UTF-8 are left out of a text that is cut.
func Text(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
