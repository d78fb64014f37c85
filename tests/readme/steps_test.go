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

var locates = regexp.MustCompile(`\b(locate|partitionOf|PartitionOf|streamSubject)\(`)

// An append computes the partition and the subject of its event stream once, as the document says: its attempts use what the
// first step has found.
func TestAnAppendLocatesItsStreamOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	for _, name := range []string{"append.go", "message.go", "publish.go"} {
		source, err := os.ReadFile("../../shared/jetstream/" + name)
		if err != nil {
			t.Fatal(err)
		}
		calls += len(locates.FindAll(source, -1))
	}
	if calls != 1 {
		t.Errorf("the files of an append compute a partition or a subject in %d places, want 1", calls)
	}
}
