package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	code    = regexp.MustCompile("(?s)```.*?```")
)

// pages are the documents: the README, the changelog and everything under docs, but not what npm installs.
func pages(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir("../../docs", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(all, "../../README.md", "../../CHANGELOG.md")
}

// anchors are the targets within a page, made of its headings as GitHub does it.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127 && r != '–' && r != '…':
				return r
			}
			return -1
		}, strings.ToLower(found[1]))
		all[name] = true
	}
	return all
}

// Every relative link leads to a file or directory that exists, and every anchor to a heading.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			path, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(path, "://") || strings.HasPrefix(path, "mailto:") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: %s leads nowhere", page, found[1])
				continue
			}
			if anchor == "" || info.IsDir() {
				continue
			}
			body, err := os.ReadFile(target)
			if err != nil || !anchors(string(body))[anchor] {
				t.Errorf("%s: %s: the page has no such heading", page, found[1])
			}
		}
	}
}

// A newcomer reads the README in half an hour.
func TestTheReadmeStaysShort(t *testing.T) {
	t.Parallel()
	const limit = 250
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > limit {
		t.Errorf("the README has %d lines; %d are allowed: the rest belongs in docs/guides", lines, limit)
	}
}
