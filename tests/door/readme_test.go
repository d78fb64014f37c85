package door

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")

// blocks are the fenced blocks of a document: language and text.
func blocks(t *testing.T, path string) (all [][2]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range fence.FindAllStringSubmatch(string(text), -1) {
		all = append(all, [2]string{found[1], found[2]})
	}
	return all
}

// fromNothing are the commands of the README of this repository from an empty directory to the first answered command.
func fromNothing(t *testing.T) []string {
	t.Helper()
	const most = 6
	for _, b := range blocks(t, "../../README.md") {
		if strings.HasPrefix(b[1], "go install ") {
			commands := strings.Split(strings.TrimSpace(b[1]), "\n")
			if len(commands) > most {
				t.Errorf("it takes %d commands to the first answer, at most %d are allowed", len(commands), most)
			}
			return commands
		}
	}
	t.Fatal("the README does not show how a project begins")
	return nil
}

// reader follows the README: it has a directory, and the platform that was started in it.
type reader struct {
	dir string
	dev dev
}

func newReader(t *testing.T) *reader { return &reader{dir: t.TempDir()} }

// follow runs a command of the README, as a shell would.
func (r *reader) follow(t *testing.T, command string) {
	t.Helper()
	words := strings.Fields(command)
	switch {
	case strings.HasPrefix(command, "go install "): // TestMain has built it
	case words[0] == "orchestrix":
		run(t, r.dir, tool, words[1:]...)
	case words[0] == "cd":
		r.dir = filepath.Join(r.dir, words[1])
	case command == "go run . dev":
		r.dev = startDev(t, r.dir, "--ephemeral")
	case words[0] == "curl":
		needCurl(t)
		if out := run(t, r.dir, "sh", "-ec", r.dev.here(command)); !strings.Contains(out, `"version":1`) {
			t.Errorf("%s\nprints\n%s", command, out)
		}
	default:
		run(t, r.dir, words[0], words[1:]...)
	}
}

// addPieces runs the commands of a project's README that add to it.
func addPieces(t *testing.T, dir string) {
	t.Helper()
	for _, b := range blocks(t, filepath.Join(dir, "README.md")) {
		if strings.HasPrefix(b[1], "go tool orchestrix new ") {
			for command := range strings.Lines(b[1]) {
				words := strings.Fields(command)
				run(t, dir, words[0], words[1:]...)
			}
			return
		}
	}
	t.Error("the README of the project does not show how to add to it")
}

// needCurl ends the test where there is no curl or no shell: the documents' commands need them.
func needCurl(t *testing.T) {
	t.Helper()
	for _, program := range []string{"curl", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program)
		}
	}
}

// here returns a command of a document with the addresses of d. It fails where the answer is an error.
func (d dev) here(command string) string {
	return strings.NewReplacer("localhost:8080", d.CommandURL, "localhost:8081", d.QueryURL, "curl ", "curl -sS --fail-with-body ").Replace(command)
}

// runReadme runs the requests of a project's README in order, and compares what they print with the block that follows. Its first
// request is that of the README of this repository.
func (d dev) runReadme(t *testing.T, path string) {
	t.Helper()
	needCurl(t)
	all, ran := blocks(t, path), 0
	for i, b := range all {
		if b[0] != "sh" || !strings.HasPrefix(b[1], "curl ") {
			continue
		}
		if ran++; ran == 1 {
			continue
		}
		out := run(t, filepath.Dir(path), "sh", "-ec", d.here(b[1]))
		if i+1 < len(all) && all[i+1][0] == "" && !shows(all[i+1][1], out) {
			t.Errorf("%s\nprints\n%s\nthe README shows\n%s", b[1], out, all[i+1][1])
		}
	}
	if ran < 3 {
		t.Errorf("the README has %d blocks of requests", ran)
	}
}

// shows reports whether an output is what a document shows: "…" stands for anything.
func shows(document, output string) bool {
	space := strings.NewReplacer(" ", "", "\n", "")
	parts := strings.Split(space.Replace(document), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*?") + "$").MatchString(space.Replace(output))
}
