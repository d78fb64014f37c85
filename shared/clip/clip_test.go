package clip_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/clip"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"},
		{"longer", 5, "longe…"},
		{"grün", 3, "gr…"}, // ü has two bytes
		{"grün", 4, "grü…"},
		{"a\xffb", 3, "a\xffb"},
		{"a\xffbcd", 4, "abc…"},
		{"", 0, ""},
		{"x", 0, "…"},
	} {
		if got := clip.Text(c.text, c.limit); got != c.want {
			t.Errorf("%q to %d bytes: %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}
