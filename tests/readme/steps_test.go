package readme

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var callRow = regexp.MustCompile("(?m)^\\| \\d+ \\| `([^`]+\\.go)` \\| `([^`]+)` \\|")

// The files and functions that a command goes through are where the document says.
func TestTheStepsOfACommandExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/follow-a-command.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := callRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 20 {
		t.Errorf("the document has %d steps", len(rows))
	}
	for _, row := range rows {
		path, function := row[1], row[2]
		source, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Errorf("there is no %s", path)
			continue
		}
		if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + regexp.QuoteMeta(function) + `[\[(]`).Match(source) {
			t.Errorf("%s has no function %s", path, function)
		}
	}
}
