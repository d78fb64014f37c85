package readme

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// leavesThePlatform runs the commands of the guide in a directory of their own. The export of the tool and that of the NATS
// client hold the same events, and the balances that Postgres folds from them are those of the view.
func leavesThePlatform(t *testing.T, d dev) {
	for _, program := range []string{"node", "npm", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the commands of the guide need %s, which is not installed here", program)
		}
	}
	reader, err := filepath.Abs("../../docs/log-format")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("docs/log-format", reader, "nats://127.0.0.1:4222", d.NATSURL)
	dir, printed := t.TempDir(), ""
	for _, b := range blocks(t, "docs/guides/leave-the-platform.md") {
		if b.language == "sh" {
			printed = d.shellIn(t, dir, here.Replace(b.text))
		}
	}
	events, same := linesOf(t, dir, "events.ndjson"), linesOf(t, dir, "same-events.ndjson")
	if len(events) < 50 || !slices.Equal(events, same) {
		t.Errorf("the tool exports %d events, the NATS client %d, and they differ", len(events), len(same))
	}
	var want []string
	for key, data := range documents(t, d, "account-balance") {
		if data["balance"] != "0.0000" {
			want = append(want, fmt.Sprintf("%s %s", key, data["balance"]))
		}
	}
	slices.Sort(want)
	if got := strings.TrimSpace(printed); len(want) < 5 || got != strings.Join(want, "\n") {
		t.Errorf("Postgres folds\n%s\nthe view holds\n%s", got, strings.Join(want, "\n"))
	}
}

// linesOf returns the sorted lines of a file of JSON objects, each with its members in order.
func linesOf(t *testing.T, dir, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%s: %v: %s", name, err, line)
		}
		ordered, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(ordered))
	}
	slices.Sort(lines)
	return lines
}
