package clip_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/clip"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"Zoë — ordered 3 × “tea”": "Zoë — ordered 3 × “tea”",
		"\x1b]0;title\a":          `\u001b]0;title\u0007`,
		"a\nb\tc\r":               `a\u000ab\u0009c\u000d`,
		"\u009b31m\x7f":           `\u009b31m\u007f`,
		"raw \x9b":                `raw \x9b`,
		"ada\u202eada":            `ada\u202eada`,
		"\ufffd":                  "\ufffd",
	} {
		if got := clip.Printable(text); got != want || clip.IsPrintable(text) != (text == want) {
			t.Errorf("%q is %s, not %s", text, got, want)
		}
	}
}

// However a text is cut into writes, the terminal gets the same characters.
func TestATerminalGetsOnlyWhatIsForPrinting(t *testing.T) {
	t.Parallel()
	const text, want = "id\tZoë 日本\x1b[2J\u009b\x9b\n", "id\tZoë 日本\\u001b[2J\\u009b\\x9b\n"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := clip.Terminal(&out)
		for start := 0; start < len(text); start += size {
			part := text[start:min(start+size, len(text))]
			if n, err := io.WriteString(w, part); err != nil || n != len(part) {
				t.Fatal(n, err)
			}
		}
		if out.String() != want {
			t.Errorf("in pieces of %d: %q", size, out.String())
		}
	}
	var out bytes.Buffer
	if err := json.NewEncoder(clip.Terminal(&out)).Encode("\x7f\u009b\u202e"); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != "\x7f\u009b\u202e" {
		t.Errorf("%s is read as %q, %v", out.Bytes(), back, err)
	}
}
