package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	release       = regexp.MustCompile(`^## \[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d$`)
	changeHeading = []string{"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
)

// changelogProblems lists where a text has not the form of Keep a Changelog.
func changelogProblems(text string) (problems []string) {
	unreleased := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "## [Unreleased]":
			unreleased = true
		case strings.HasPrefix(line, "## ") && (!unreleased || !release.MatchString(line)):
			problems = append(problems, line+": a version is \"## [1.2.3] - 2026-01-31\", below \"## [Unreleased]\"")
		case strings.HasPrefix(line, "### ") && !slices.Contains(changeHeading, line):
			problems = append(problems, line+": a kind of change is one of "+strings.Join(changeHeading, ", "))
		}
	}
	if !unreleased {
		problems = append(problems, "there is no heading \"## [Unreleased]\"")
	}
	return problems
}

func TestTheChangelogHasItsForm(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range changelogProblems(string(text)) {
		t.Errorf("CHANGELOG.md: %s", problem)
	}
	for text, want := range map[string]int{
		"## [Unreleased]\n### Added\n- x\n## [0.1.0] - 2026-12-01\n### Fixed\n": 0,
		"## [0.1.0] - 2026-12-01\n":            2,
		"## [Unreleased]\n## 0.1.0\n### New\n": 2,
	} {
		if got := changelogProblems(text); len(got) != want {
			t.Errorf("%q has the problems %q, want %d", text, got, want)
		}
	}
}
