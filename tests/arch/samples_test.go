package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var deletedList = regexp.MustCompile(`(?m)^(samples|about)="([^"]+)"$`)

// Only what .ci/without-samples deletes depends on the samples, tests included. The package domain lists them.
func TestTheSamplesCanBeDeleted(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root, ".ci", "without-samples"))
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string][]string{}
	for _, found := range deletedList.FindAllStringSubmatch(string(script), -1) {
		lists[found[1]] = strings.Fields(found[2])
	}
	if len(lists["samples"]) == 0 || len(lists["about"]) == 0 {
		t.Fatal(".ci/without-samples has no lists of what it deletes")
	}
	deleted := append([]string{"domain"}, slices.Concat(lists["samples"], lists["about"])...)
	for _, p := range list(t) {
		if slices.Contains(deleted, p.name()) {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if slices.Contains(lists["samples"], strings.TrimPrefix(imported, module+"/")) {
				t.Errorf("%s, or its tests, imports %s, which a team may delete: use a domain of the test's own, or add the package to .ci/without-samples", p.name(), imported)
			}
		}
	}
}
