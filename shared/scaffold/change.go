package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Changes is a set of files to write below a directory. Write and Edit only collect; [Changes.Apply] writes all files, or none.
// Paths are relative to the directory, with slashes.
type Changes struct {
	root  string
	force bool
	files []*changedFile // in the order of the first change
}

// changedFile is a file with the content that it had, and the one that it gets.
type changedFile struct {
	path   string // relative
	target string // that is written: absolute, without symbolic links
	before []byte
	exists bool
	after  []byte
	mode   fs.FileMode
}

// NewChanges returns an empty set for the files below root. With force, Write replaces files that have another content.
func NewChanges(root string, force bool) *Changes { return &Changes{root: root, force: force} }

// Write sets the whole content of a file. Go code is formatted. It returns an error where the file exists with another content,
// unless the set was made with force. A file that has the content already is not written.
func (c *Changes) Write(path string, content []byte) error { return c.write(path, content, 0o644) }

// WriteExecutable is [Changes.Write] for a script.
func (c *Changes) WriteExecutable(path string, content []byte) error {
	return c.write(path, content, 0o755)
}

func (c *Changes) write(path string, content []byte, mode fs.FileMode) error {
	f, err := c.file(path)
	if err != nil {
		return err
	}
	after, err := formatted(path, content)
	if err != nil {
		return err
	}
	if f.exists && !bytes.Equal(f.before, after) && !c.force {
		return fmt.Errorf("%s exists with other content: rename it, or overwrite it with --force", path)
	}
	f.after = after
	if !f.exists {
		f.mode = mode
	}
	return nil
}

// Edit changes the content of a file, after the earlier changes of the set. The file exists, or was written by the set. Go code
// is formatted.
func (c *Changes) Edit(path string, edit func(content []byte) ([]byte, error)) error {
	f, err := c.file(path)
	if err != nil {
		return err
	}
	if f.after == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	after, err := edit(f.after)
	if err != nil {
		return err
	}
	if bytes.Equal(after, f.after) {
		return nil
	}
	f.after, err = formatted(path, after)
	return err
}

// Read returns the content of a file after the changes of the set. The error wraps [fs.ErrNotExist] where there is no file.
func (c *Changes) Read(path string) ([]byte, error) {
	f, err := c.file(path)
	if err != nil {
		return nil, err
	}
	if f.after == nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return f.after, nil
}

// file returns the file of this path, and reads it where it is not known yet.
func (c *Changes) file(path string) (*changedFile, error) {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, fmt.Errorf("%s is not below %s", path, c.root)
	}
	if i := slices.IndexFunc(c.files, func(f *changedFile) bool { return f.path == path }); i >= 0 {
		return c.files[i], nil
	}
	f := &changedFile{path: path, target: filepath.Join(c.root, filepath.FromSlash(path))}
	info, err := os.Stat(f.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	default:
		if f.target, err = filepath.EvalSymlinks(f.target); err != nil {
			return nil, err
		}
		if f.before, err = os.ReadFile(f.target); err != nil {
			return nil, err
		}
		f.exists, f.after, f.mode = true, f.before, info.Mode().Perm()
	}
	c.files = append(c.files, f)
	return f, nil
}

// formatted returns Go code as gofmt writes it, and other content as it is. The result is not nil.
func formatted(path string, content []byte) ([]byte, error) {
	if !strings.HasSuffix(path, ".go") {
		return append([]byte{}, content...), nil
	}
	code, err := format.Source(content)
	if err != nil {
		return nil, fmt.Errorf("%s would not be Go: %w", path, err)
	}
	return code, nil
}

// list returns the names of the files and of the directories in a directory, after the changes of the set, sorted.
func (c *Changes) list(dir string) (files, dirs []string, err error) {
	entries, err := os.ReadDir(filepath.Join(c.root, filepath.FromSlash(dir)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			dirs = append(dirs, entry.Name())
		} else {
			files = append(files, entry.Name())
		}
	}
	for _, f := range c.files {
		rest, ok := strings.CutPrefix(f.path, dir+"/")
		if !ok || f.after == nil {
			continue
		}
		if first, _, below := strings.Cut(rest, "/"); below {
			dirs = append(dirs, first)
		} else {
			files = append(files, first)
		}
	}
	slices.Sort(files)
	slices.Sort(dirs)
	return slices.Compact(files), slices.Compact(dirs), nil
}
