package door

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// goFile is a file that a guide names before it shows it.
var goFile = regexp.MustCompile("`([a-z_/]+\\.go)`")

// nowFails is a command that a guide expects to fail, where its text says so.
var nowFails = regexp.MustCompile("`([^`]+)` now fails")

// followGuide does in a project what a guide shows: its commands are run, its Go is written into the file that the text before it
// names last, its changes are applied.
func (r *reader) followGuide(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := 0
	for _, found := range fence.FindAllStringSubmatchIndex(string(text), -1) {
		before, language, block := string(text[end:found[0]]), string(text[found[2]:found[3]]), string(text[found[4]:found[5]])
		end = found[1]
		for _, command := range nowFails.FindAllStringSubmatch(before, -1) {
			r.followToFailure(t, command[1])
		}
		switch language {
		case "go":
			names := goFile.FindAllStringSubmatch(before, -1)
			if len(names) == 0 {
				t.Fatalf("%s names no file for\n%s", path, block)
			}
			write(t, filepath.Join(r.dir, names[len(names)-1][1]), block)
		case "diff":
			change := filepath.Join(t.TempDir(), "change")
			write(t, change, block)
			run(t, r.dir, "git", "apply", change)
		case "sh":
			for command := range strings.Lines(block) {
				r.followInProject(t, strings.TrimSpace(command))
			}
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *reader) followInProject(t *testing.T, command string) {
	t.Helper()
	switch {
	case command == "go run . dev":
		r.dev = startDev(t, r.dir, "--memory")
	case command == "go run . deadlines":
		r.awaitReminder(t, command)
	case strings.HasPrefix(command, "curl "):
		needCurl(t)
		run(t, r.dir, "sh", "-ec", r.dev.here(command))
	default:
		run(t, r.dir, "sh", "-ec", command)
	}
}

// followToFailure runs a command whose failure the guide announces: a test of the reader's own fails.
func (r *reader) followToFailure(t *testing.T, command string) {
	t.Helper()
	out, err := try(t, r.dir, "sh", "-ec", command)
	if err == nil || !strings.Contains(out, "--- FAIL: ") {
		t.Errorf("%s does not fail by a test (%v):\n%s", command, err, out)
	}
}

// awaitReminder waits until a command shows the deadline of the first invoice, the only one that is not paid. It finds the platform
// without a URL.
func (r *reader) awaitReminder(t *testing.T, command string) {
	t.Helper()
	want := regexp.MustCompile(`(?s)^AT[^\n]*\n[^\n]* reminder +1 +timeout [^\n]*\n$`)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out := run(t, r.dir, "sh", "-ec", command)
		if want.MatchString(out) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s shows\n%s", command, out)
		}
	}
}

// awaitPage waits until the page of the guide shows what its commands have done.
func (d dev) awaitPage(t *testing.T) {
	t.Helper()
	const want = "<tr><td>1<td>issued<tr><td>2<td>paid"
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		body := d.await(t, d.QueryURL+"/invoices", http.StatusOK)
		if strings.Contains(body, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the page is\n%s\nwithout %s", body, want)
		}
	}
}
