package scaffold_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/scaffold"
)

// tree returns the files below a directory by relative path.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			files[name+"/"] = ""
			return nil
		}
		body, err := os.ReadFile(path)
		files[name] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appendLine(content []byte) ([]byte, error) {
	return append(bytes.Clone(content), "var x=1\n"...), nil
}

func TestChangesAreWritten(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "old.go"), "package old\n")
	c := scaffold.NewChanges(root, false)
	for _, err := range []error{
		c.Write("a/b/new.go", []byte("package b\nvar   y int")),
		c.Edit("a/b/new.go", appendLine),
		c.WriteExecutable("run", []byte("#!/bin/sh\n")),
		c.Edit("old.go", appendLine),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(tree(t, root)) != 2 {
		t.Errorf("before Apply there is %v", tree(t, root))
	}
	report, err := c.Apply()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"./": "", "a/": "", "a/b/": "", "run": "#!/bin/sh\n",
		"a/b/new.go": "package b\n\nvar y int\nvar x = 1\n", "old.go": "package old\n\nvar x = 1\n",
	}
	if got := tree(t, root); !maps.Equal(got, want) {
		t.Errorf("there is %q", got)
	}
	if text := report.String(); text != "new      a/b/new.go\nnew      run\nchanged  old.go\n" {
		t.Errorf("the report is %q", text)
	}
	for name, mode := range map[string]fs.FileMode{"a/b/new.go": 0o644, "run": 0o755, "old.go": 0o600} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestSameContentIsNotWritten(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "a.go"), "package a\n")
	c := scaffold.NewChanges(root, false)
	if err := c.Write("a.go", []byte("package   a")); err != nil {
		t.Error(err)
	}
	if report, err := c.Apply(); err != nil || !report.Empty() {
		t.Errorf("%v, %v", report, err)
	}
}

func TestOtherContentIsKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "a.go"), "package a // mine\n")
	if err := scaffold.NewChanges(root, false).Write("a.go", []byte("package a")); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Error(err)
	}
	c := scaffold.NewChanges(root, true)
	if err := c.Write("a.go", []byte("package a")); err != nil {
		t.Error(err)
	}
	if report, err := c.Apply(); err != nil || len(report.Changed) != 1 {
		t.Errorf("%v, %v", report, err)
	}
}

func TestBadChangesAreRefused(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "dir", "a.txt"), "")
	c := scaffold.NewChanges(root, true)
	for name, err := range map[string]error{
		"no Go":        c.Write("a.go", []byte("package")),
		"outside":      c.Write("../a.go", []byte("package a")),
		"absolute":     c.Write("/a.go", []byte("package a")),
		"a directory":  c.Write("dir", []byte("text")),
		"missing":      c.Edit("missing.go", appendLine),
		"below a file": c.Write("dir/a.txt/b", []byte("text")),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if report, err := c.Apply(); err != nil || !report.Empty() {
		t.Errorf("%v, %v", report, err)
	}
}

// A directory in the place of the last file makes its rename fail, after the others have their names.
func TestAFailedStepIsUndone(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(root string) error{
		"a directory in the way": func(root string) error { return os.Mkdir(filepath.Join(root, "z.go"), 0o755) },
		"a file in the way": func(root string) error {
			return os.WriteFile(filepath.Join(root, "z.go"), []byte("package mine\n"), 0o600)
		},
		"a changed file": func(root string) error {
			return os.WriteFile(filepath.Join(root, "old.go"), []byte("package mine\n"), 0o600)
		},
	} {
		root := t.TempDir()
		put(t, filepath.Join(root, "first.go"), "package old\n")
		put(t, filepath.Join(root, "old.go"), "package old\n")
		c := scaffold.NewChanges(root, false)
		for _, err := range []error{
			c.Edit("first.go", appendLine), c.Write("a/b/new.go", []byte("package b")),
			c.Edit("old.go", appendLine), c.Write("z.go", []byte("package z")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := disturb(root); err != nil {
			t.Fatal(err)
		}
		before := tree(t, root)
		if _, err := c.Apply(); err == nil {
			t.Errorf("%s: applied", name)
		}
		if after := tree(t, root); !maps.Equal(before, after) {
			t.Errorf("%s: before %q, after %q", name, before, after)
		}
	}
}
