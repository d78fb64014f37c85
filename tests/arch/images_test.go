package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	imageLine = regexp.MustCompile(`(?m)^\s*(?:image: |ARG GO=|FROM )"?([^\s"]+)`)
	// kustomized is the tag, and perhaps the digest, that a kustomization gives an image.
	kustomized = regexp.MustCompile(`- name: (\S+)\n(?:\s+newName: \S+\n)?\s+newTag: "?([^\s"]+)"?(?:\n\s+digest: (\S+))?`)
	pinned     = regexp.MustCompile(`^[^:@\s]+(?:/[^:@\s]+)*:[^:@\s]+@sha256:[0-9a-f]{64}$`)
	ownImage   = regexp.MustCompile(`^(orchestrix|\{\{\.Name\}\}|registry\.example\.com/)`)
)

// imagesIn are the images of third parties that a file names, with their tags.
func imagesIn(text string) (images []string) {
	for _, m := range imageLine.FindAllStringSubmatch(text, -1) {
		if image := m[1]; strings.Contains(image, ":") && !strings.HasPrefix(image, "$") && !ownImage.MatchString(image) {
			images = append(images, image)
		}
	}
	for _, m := range kustomized.FindAllStringSubmatch(text, -1) {
		if ownImage.MatchString(m[1]) {
			continue
		}
		image := m[1] + ":" + m[2]
		if m[3] != "" {
			image += "@" + m[3]
		}
		images = append(images, image)
	}
	return images
}

// An image is named by its digest, since a tag may be moved to another content. Exceptions are listed with their reason.
func TestImagesAreNamedByDigest(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../deploy/images.txt")
	if err != nil {
		t.Fatal(err)
	}
	var excepted []string
	for line := range strings.Lines(string(list)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			excepted = append(excepted, line)
		}
	}
	used := map[string]bool{}
	for _, dir := range []string{"../../deploy", "../../shared/scaffold/templates"} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, image := range imagesIn(string(text)) {
				used[image] = true
				if !pinned.MatchString(image) && !slices.Contains(excepted, image) {
					t.Errorf("%s: %s has no digest: run deploy/pin, or list it in deploy/images.txt", path, image)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, image := range excepted {
		if !used[image] {
			t.Errorf("deploy/images.txt lists %s, which no file names", image)
		}
	}
}

func TestImagesAreFound(t *testing.T) {
	t.Parallel()
	text := "services:\n  a:\n    image: nats:1\n  b:\n    image: orchestrix:dev\nARG GO=golang:1\nFROM scratch AS x\nFROM ${GO}\n" +
		"images:\n  - name: orchestrix\n    newName: r/o\n    newTag: dev\n  - name: postgres\n    newTag: \"17\"\n    digest: sha256:aa\n"
	if got, want := strings.Join(imagesIn(text), " "), "nats:1 golang:1 postgres:17@sha256:aa"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
