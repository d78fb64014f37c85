package cluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// image is a container image that the test builds from files of this machine, since no registry can be reached.
type image struct {
	name       string
	files      map[string]string // from the path in the image to the one here
	text       map[string]string // small files, by their content
	entrypoint []string
	path       string // to look for programs in, beyond the usual
}

// archive writes the image as `docker save` would, which every container runtime reads.
func (i image) archive(t *testing.T, path string) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, dir := range []string{"tmp", "data", "run", "run/nats", "run/secrets", "run/secrets/orchestrix", "var", "var/run", "var/run/postgresql", "etc", "etc/nats"} {
		must(t, w.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o777}))
	}
	for name, content := range i.text {
		add(t, w, name, []byte(content), 0o644)
	}
	for _, name := range sortedKeys(i.files) {
		addTree(t, w, name, i.files[name])
	}
	must(t, w.Close())
	sum := sha256.Sum256(layer.Bytes())
	config := marshal(t, map[string]any{
		"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Entrypoint": i.entrypoint, "Env": []string{"PATH=/:/bin:/usr/bin:" + i.path}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sum)}},
	})
	manifest := marshal(t, []any{map[string]any{"Config": "config.json", "RepoTags": []string{"docker.io/library/" + i.name}, "Layers": []string{"layer.tar"}}})
	var archive bytes.Buffer
	w = tar.NewWriter(&archive)
	add(t, w, "manifest.json", []byte(manifest), 0o644)
	add(t, w, "config.json", []byte(config), 0o644)
	add(t, w, "layer.tar", layer.Bytes(), 0o644)
	must(t, w.Close())
	must(t, os.WriteFile(path, archive.Bytes(), 0o600))
}

func add(t *testing.T, w *tar.Writer, name string, content []byte, mode int64) {
	t.Helper()
	must(t, w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))}))
	_, err := w.Write(content)
	must(t, err)
}

// addTree adds a file, or all below a directory; links are followed.
func addTree(t *testing.T, w *tar.Writer, name, source string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(source)
	must(t, err)
	must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // a dangling link
		}
		if err == nil {
			add(t, w, name+strings.TrimPrefix(path, root), content, 0o755)
		}
		return err
	}))
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// build compiles static programs of the product, or of this module, into a directory.
func build(t *testing.T, module, dir string, packages ...string) {
	t.Helper()
	args := append([]string{"build", "-C", module, "-trimpath", "-ldflags", "-s -w", "-o", dir + "/"}, packages...)
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// images builds the images of the dev overlay, and writes their archives into a directory.
func images(t *testing.T, dir string) []string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	build(t, "../../..", bin, "./cmd/orchestrix", "github.com/nats-io/nats-server/v2")
	build(t, "..", bin, "./cluster/standin/...")
	must(t, os.Rename(filepath.Join(bin, "postgres"), filepath.Join(bin, "start-postgres")))
	ours := map[string]string{"/orchestrix": filepath.Join(bin, "orchestrix")}
	return archives(t, dir, append(systemImages(t, bin), []image{
		{name: "orchestrix:dev", files: ours},
		{name: "orchestrix:next", files: ours, text: map[string]string{"/next": "another image"}},
		{name: "nats:2.15.2-alpine", files: map[string]string{"/nats-server": filepath.Join(bin, "nats-server")}, entrypoint: []string{"/nats-server"}},
		postgresImage(t, filepath.Join(bin, "start-postgres")),
	}...))
}

// archives writes the archives of images into a directory.
func archives(t *testing.T, dir string, all []image) []string {
	t.Helper()
	var paths []string
	for n, i := range all {
		path := filepath.Join(dir, fmt.Sprintf("image-%d.tar", n))
		i.archive(t, path)
		paths = append(paths, path)
	}
	return paths
}

var library = regexp.MustCompile(`(/\S+) \(0x`)

// postgresImage is the installed Postgres under the name of the official image.
func postgresImage(t *testing.T, start string) image {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*")
	if len(found) == 0 {
		t.Skip("there is no Postgres to put into an image: apt-get install postgresql")
	}
	home := found[len(found)-1]
	i := image{
		name: "postgres:17", path: home + "/bin", entrypoint: []string{"/start-postgres"},
		files: map[string]string{"/start-postgres": start, "/bin/sh": "/bin/sh", "/usr/share/postgresql/" + filepath.Base(home): "/usr/share/postgresql/" + filepath.Base(home)},
		text:  map[string]string{"/etc/passwd": "postgres:x:999:999::/data:/bin/sh\n", "/etc/group": "postgres:x:999:\n"},
	}
	for _, program := range []string{"postgres", "initdb", "pg_ctl", "pg_isready"} {
		i.files[home+"/bin/"+program] = home + "/bin/" + program
	}
	i.files[home+"/lib"] = home + "/lib"
	for _, file := range append([]string{"/bin/sh"}, glob(t, home+"/bin/*")...) {
		out, err := exec.CommandContext(t.Context(), "ldd", file).Output()
		if err != nil {
			continue // a script
		}
		for _, match := range library.FindAllStringSubmatch(string(out), -1) {
			i.files[match[1]] = match[1]
		}
	}
	return i
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	must(t, err)
	return found
}
