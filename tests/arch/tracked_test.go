package arch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const maxTrackedBytes = 2 << 20 // a clone stays small; larger data is generated or downloaded

// programMagic is how the executable formats of the supported systems start.
var programMagic = map[string][]byte{
	"an ELF program":             []byte("\x7fELF"),
	"a Mach-O program":           {0xcf, 0xfa, 0xed, 0xfe},
	"a 32-bit Mach-O program":    {0xce, 0xfa, 0xed, 0xfe},
	"a universal Mach-O program": {0xca, 0xfe, 0xba, 0xbe},
	"a PE program":               []byte("MZ"),
}

// A built program that was committed by mistake stays in the history of every clone.
func TestNoProgramsOrLargeFilesAreTracked(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "git", "ls-files", "--stage", "-z")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Skipf("the tracked files are not known here, which is no git checkout: git ls-files: %v", err)
	}
	entries := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	for _, entry := range entries {
		stage, name, ok := strings.Cut(entry, "\t")
		if !ok {
			t.Fatalf("git ls-files printed %q", entry)
		}
		mode, _, _ := strings.Cut(stage, " ")
		if problem := trackedProblem(filepath.Join(root, name), mode); problem != "" {
			t.Errorf("%s is tracked: %s", name, problem)
		}
	}
	if len(entries) < 100 {
		t.Errorf("only %d files are tracked", len(entries))
	}
}

// trackedProblem says why a file of this mode must not be tracked. It is empty where the file may be.
func trackedProblem(path, mode string) string {
	const regular, executable = "100644", "100755"
	if mode != regular && mode != executable {
		return fmt.Sprintf("mode %s is no regular file, which not every system can check out", mode)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "" // deleted in the work tree, and not yet in the index
	}
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	if info.Size() > maxTrackedBytes {
		return fmt.Sprintf("it has %d bytes; %d are allowed", info.Size(), maxTrackedBytes)
	}
	start := make([]byte, 4)
	if n, err := io.ReadFull(file, start); err != nil {
		start = start[:n]
	}
	for format, magic := range programMagic {
		if bytes.HasPrefix(start, magic) {
			return "it is " + format
		}
	}
	if mode == executable && !bytes.HasPrefix(start, []byte("#!")) {
		return "it is executable and no script"
	}
	return ""
}

func TestTrackedProblemsAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		mode, body string
		refused    bool
	}{
		"script":     {"100755", "#!/bin/sh\n", false},
		"text":       {"100644", "MIT", false},
		"empty":      {"100644", "", false},
		"executable": {"100755", "text", true},
		"elf":        {"100644", "\x7fELF\x02", true},
		"macho":      {"100755", "\xcf\xfa\xed\xfe", true},
		"pe":         {"100644", "MZ\x90", true},
		"large":      {"100644", strings.Repeat("x", maxTrackedBytes+1), true},
		"link":       {"120000", "text", true},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.body), 0o600); err != nil {
			t.Fatal(err)
		}
		if problem := trackedProblem(path, c.mode); (problem != "") != c.refused {
			t.Errorf("%s: %q", name, problem)
		}
	}
}
