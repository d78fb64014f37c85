package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Report lists the files that [Changes.Apply] has written, by relative path.
type Report struct {
	New     []string
	Changed []string
}

// Empty reports whether nothing was written, because every file had its content already.
func (r Report) Empty() bool { return len(r.New)+len(r.Changed) == 0 }

// String returns one line for each file.
func (r Report) String() string {
	var text bytes.Buffer
	for _, path := range r.New {
		fmt.Fprintln(&text, "new     ", path)
	}
	for _, path := range r.Changed {
		fmt.Fprintln(&text, "changed ", path)
	}
	return text.String()
}

// Apply writes the files. Each is written beside its place first, and all are renamed after that. Where a step fails, the steps
// before it are undone, and the directory is as it was.
func (c *Changes) Apply() (Report, error) {
	var report Report
	w := &writer{}
	for _, f := range c.files {
		if f.after == nil || f.exists && bytes.Equal(f.before, f.after) {
			continue
		}
		if err := w.stage(f); err != nil {
			return Report{}, errors.Join(fmt.Errorf("%s is not written, and nothing is changed: %w", f.path, err), w.undo())
		}
		if f.exists {
			report.Changed = append(report.Changed, f.path)
		} else {
			report.New = append(report.New, f.path)
		}
	}
	if err := w.commit(); err != nil {
		return Report{}, errors.Join(fmt.Errorf("nothing is changed: %w", err), w.undo())
	}
	return report, nil
}

// writer writes files in two steps, and knows how to undo both.
type writer struct {
	staged  []stagedFile
	renamed int
	dirs    []string // that were made, the outer ones first
}

type stagedFile struct {
	*changedFile
	temporary string
}

// stage writes the new content of a file beside it.
func (w *writer) stage(f *changedFile) error {
	if err := w.makeDir(filepath.Dir(f.target)); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.target), ".orchestrix-*")
	if err != nil {
		return err
	}
	w.staged = append(w.staged, stagedFile{f, temporary.Name()})
	_, err = temporary.Write(f.after)
	return errors.Join(err, temporary.Chmod(f.mode), temporary.Close())
}

// makeDir makes a directory with its parents, and notes those that did not exist.
func (w *writer) makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o755); { //nolint:gosec // source code, which others may read
	case errors.Is(err, fs.ErrExist): // made by another one in the meantime
		return nil
	case err != nil:
		return err
	}
	w.dirs = append(w.dirs, dir)
	return nil
}

// commit gives all files their names. A file that was changed since it was read is not overwritten.
func (w *writer) commit() error {
	for _, f := range w.staged {
		now, err := os.ReadFile(f.target)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case (err == nil) != f.exists || !bytes.Equal(now, f.before):
			return fmt.Errorf("%s was changed in the meantime: run the command again", f.path)
		}
		if err := os.Rename(f.temporary, f.target); err != nil {
			return err
		}
		w.renamed++
	}
	return nil
}

// undo restores the renamed files, and removes the temporary ones and the directories.
func (w *writer) undo() error {
	var errs []error
	for i, f := range w.staged {
		switch {
		case i >= w.renamed:
			errs = append(errs, os.Remove(f.temporary))
		case f.exists:
			errs = append(errs, os.WriteFile(f.target, f.before, f.mode))
		default:
			errs = append(errs, os.Remove(f.target))
		}
	}
	for i := len(w.dirs) - 1; i >= 0; i-- {
		errs = append(errs, os.Remove(w.dirs[i]))
	}
	return errors.Join(errs...)
}
