package schema

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// patterns of whole texts, which tables can stand for.
var patterns = []string{
	`^[A-Za-z0-9_-]{1,64}$`,
	`^[0-9]{1,12}(\.[0-9]{1,4})?$`,
	`^([1-9][0-9]{0,11}(\.[0-9]{1,4})?|0\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$`,
	`^[^\x00-\x1f\x7f-\x9f]*$`,
	`^$`, `^a*$`, `\Aab?c+\z`, `^(a|ab)(c|bcd)(d*)$`, `^.*$`, `^(?s).*$`, `^(ab|[^b]c)*$`, `^[a-z0-9é]*$`, `^(^a|b)$`, `^a(b$|c)$`, `^[^a]$`,
}

// A table says what the expression says.
func TestPatternsAreWhatTheyWere(t *testing.T) {
	t.Parallel()
	const alphabet = "abcd019._-\n\x00 é\x7f"
	for _, expression := range patterns {
		p, slow := newPattern(expression), regexp.MustCompile(expression)
		if p == nil {
			t.Errorf("%s has no table", expression)
			continue
		}
		for range 5_000 {
			text := make([]byte, rand.IntN(8))
			for i := range text {
				text[i] = alphabet[rand.IntN(len(alphabet))]
			}
			if matches, known := p.match(text); known && matches != slow.Match(text) {
				t.Fatalf("%s on %q: %v", expression, text, matches)
			}
		}
		for n := range 70 {
			for _, text := range []string{strings.Repeat("a", n), strings.Repeat("1", n), "1." + strings.Repeat("0", n)} {
				if matches, known := p.match([]byte(text)); !known || matches != slow.MatchString(text) {
					t.Fatalf("%s on %q: %v, %v", expression, text, matches, known)
				}
			}
		}
	}
}

// What a table can't stand for has none.
func TestOtherPatternsHaveNoTable(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{`a`, `^a`, `a$`, `^a|b$`, `(?m)^a$`, `^a\b.*$`, `(?i)^k$`, `^(?i:k)$`, `^a{1,300}$`, `(`, `^a$|^`} {
		if newPattern(expression) != nil {
			t.Errorf("%s has one", expression)
		}
	}
}
