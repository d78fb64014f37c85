package arch

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root         = "../.."
	maxFileLines = 400 // a file has one subject
	maxMainLines = 60  // a main.go is wiring
)

func TestFilesStayShort(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "node_modules" || strings.HasPrefix(name, ".") && path != root {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		seen++
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		limit := maxFileLines
		if filepath.Base(path) == "main.go" && strings.Contains(filepath.ToSlash(path), "/services/") {
			limit = maxMainLines
		}
		if lines := bytes.Count(body, []byte("\n")); lines > limit {
			t.Errorf("%s has %d lines; %d are allowed: split it by subject", path, lines, limit)
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d files seen, %v", seen, err)
	}
}
