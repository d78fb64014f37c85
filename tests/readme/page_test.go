package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// block is a fenced block of a document.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```")

// blocks are the fenced blocks of a document, whose path is from the root of the repository.
func blocks(t *testing.T, path string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range fence.FindAllStringSubmatch(string(text), -1) {
		all = append(all, block{found[1], found[2]})
	}
	return all
}

// commands are the commands of a shell block, without comments. A command ends with the line on which its quotes are closed.
func (b block) commands() (all []string) {
	command := ""
	for line := range strings.Lines(b.text) {
		command += line
		open := strings.Count(command, "'")%2 == 1 || strings.HasSuffix(strings.TrimSpace(line), `\`)
		if !open && strings.TrimSpace(command) != "" {
			all = append(all, strings.TrimSpace(command))
			command = ""
		}
	}
	return all
}

// runs reports whether the test runs a shell block: all of it is requests to dev and uses of the tool.
func (b block) runs() bool {
	if b.language != "sh" {
		return false
	}
	for _, command := range b.commands() {
		wanted := strings.HasPrefix(command, "curl ") || strings.HasPrefix(command, "go run ./cmd/orchestrix ")
		if !wanted || strings.HasPrefix(command, "go run ./cmd/orchestrix dev") || strings.Contains(command, " keys ") {
			return false
		}
	}
	return true
}

// repeatable reports whether a command only reads.
func repeatable(command string) bool {
	return !strings.Contains(command, " -d ") && !strings.Contains(command, "-X ") && !strings.Contains(command, "orchestrix send ")
}

var volatile = strings.NewReplacer(" ", "", "\n", "", "\t", "", "\r", "")

var (
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	uuid   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	hash   = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
)

// normal is an output without what differs from run to run: white space, times and generated ids.
func normal(output string) string {
	output = moment.ReplaceAllString(output, "TIME")
	output = hash.ReplaceAllString(uuid.ReplaceAllString(output, "ID"), "ID")
	return volatile.Replace(output)
}

// shown reports whether an output is what a document shows: "…" stands for anything.
func shown(t *testing.T, document, output string) bool {
	t.Helper()
	parts := strings.Split(normal(document), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*?") + "$").MatchString(normal(output))
}

// runPage runs the shell blocks of a document in order, and compares what they print with the block that follows each of
// them without a language.
func runPage(t *testing.T, d dev, path string) {
	t.Helper()
	all := blocks(t, path)
	ran := 0
	for i, b := range all {
		if !b.runs() {
			continue
		}
		ran++
		commands := b.commands()
		outputs := make([]string, len(commands))
		for n, command := range commands {
			outputs[n] = d.shell(t, command)
		}
		if i+1 < len(all) && all[i+1].language == "" {
			await(t, d, path, commands, outputs, all[i+1].text)
		}
	}
	if ran == 0 {
		t.Errorf("%s shows no command that the test can run", path)
	}
}

// await repeats what reads until all of it is as the document shows: views follow the log after a moment.
func await(t *testing.T, d dev, path string, commands, outputs []string, want string) {
	t.Helper()
	for end := time.Now().Add(patience); !shown(t, want, strings.Join(outputs, "\n")); time.Sleep(100 * time.Millisecond) {
		reads := false
		for n, command := range commands {
			if repeatable(command) {
				reads, outputs[n] = true, d.shell(t, command)
			}
		}
		if !reads || time.Now().After(end) || t.Failed() {
			t.Errorf("%s shows\n%s\nafter\n%s\nwhich prints\n%s", path, want, strings.Join(commands, "\n"), strings.Join(outputs, "\n"))
			return
		}
	}
}

// needCurl skips where there is no curl or no shell: the documents' commands need them.
func needCurl(t *testing.T) {
	t.Helper()
	for _, program := range []string{"curl", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the commands of the documents need %s, which is not installed here", program)
		}
	}
}

// The pages share a platform: operate.md shows a new log, and the others use different aggregates.
func TestCommandsOfTheDocuments(t *testing.T) {
	t.Parallel()
	needCurl(t)
	d := startDev(t)
	for _, path := range []string{
		"docs/guides/operate.md", "README.md", "docs/guides/sagas.md", "docs/guides/asynchronous-commands.md", "docs/guides/observe.md",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) { runPage(t, d, path) })
	}
}

// The pages about the log and the views show positions in a new log of their own.
func TestCommandsOfTheLogAndItsViews(t *testing.T) {
	t.Parallel()
	needCurl(t)
	d := startDev(t)
	t.Run("log-format.md", func(t *testing.T) { showsTheLog(t, d) })
	t.Run("views-and-queries.md", func(t *testing.T) { runPage(t, d, "docs/guides/views-and-queries.md") })
	t.Run("balances.mjs", func(t *testing.T) { foldsTheBalances(t, d) })
	t.Run("leave-the-platform.md", func(t *testing.T) { leavesThePlatform(t, d) }) // after the transfers
}
