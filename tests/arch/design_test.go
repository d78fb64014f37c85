package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	floorRow = regexp.MustCompile("(?m)^\\| (\\d\\d?) \\| (`[^|]+) \\|")
	roomName = regexp.MustCompile("`([^`]+)`")
)

// The table of docs/design.md has the floors of this test, and nothing else.
func TestTheDesignShowsTheFloors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := make([][]string, len(floors))
	for _, row := range floorRow.FindAllStringSubmatch(string(text), -1) {
		floor, err := strconv.Atoi(row[1])
		if err != nil || floor >= len(floors) {
			t.Errorf("docs/design.md: there is no floor %s", row[1])
			continue
		}
		for _, name := range roomName.FindAllStringSubmatch(row[2], -1) {
			shown[floor] = append(shown[floor], name[1])
		}
	}
	for floor, rooms := range floors {
		got, want := slices.Sorted(slices.Values(shown[floor])), slices.Sorted(slices.Values(rooms))
		if !slices.Equal(got, want) {
			t.Errorf("floor %d of docs/design.md is %s, of this test %s", floor, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
}
