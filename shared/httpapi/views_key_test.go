package httpapi

import (
	"encoding/json"
	"testing"
)

// A key is written as JSON that reads back as the key, whatever is in it.
func TestKeysAsJSON(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"10248", "a b", `"`, `\`, "<&>", "Côte d’Ivoire", "\u2028", "~", "%2F"} {
		text, err := appendKey([]byte("x"), key)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(text[1:], &back); err != nil || back != key {
			t.Errorf("%q is written %s, which is %q, %v", key, text[1:], back, err)
		}
	}
}
