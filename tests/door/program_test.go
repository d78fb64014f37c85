package door

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// patience is how long a test waits for a result that must come.
const patience = 5 * time.Minute

// tool is the path of the command-line tool under test.
var tool string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "orchestrix-door-")
	if err == nil {
		tool = filepath.Join(dir, "orchestrix.exe")
		build := exec.Command("go", "build", "-o", tool, "github.com/orchestrix-go/orchestrix/cmd/orchestrix")
		if out, buildErr := build.CombinedOutput(); buildErr != nil {
			err = fmt.Errorf("building the tool: %w\n%s", buildErr, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	localtest.Main(m, dir)
}

// run runs a program in dir, without the network, and returns what it prints. The program must succeed.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	out, err := try(t, dir, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return out
}

// try runs a program as run does, and returns its error.
func try(t *testing.T, dir, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = dir
	command.Env = append(command.Environ(), "GOPROXY=off", "GOWORK=off")
	out, err := command.CombinedOutput()
	return string(out), err
}

// dev is a running platform of a project.
type dev struct {
	CommandURL string `json:"command_url"`
	QueryURL   string `json:"query_url"`
	stop       func() // ends it as an operator does, and expects success
}

// linkerFlags are the flags of the program in the image of a project, which are those of ours, for the version 1.2.3 and commit abc.
func linkerFlags(t *testing.T, project string) string {
	t.Helper()
	var flags [2]string
	for i, script := range []string{filepath.Join(project, "deploy", "rootfs.sh"), filepath.Join("..", "..", "deploy", "compose", "rootfs.sh")} {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), `-ldflags "`)
		flags[i], _, _ = strings.Cut(after, `"`)
	}
	if flags[0] != flags[1] {
		t.Errorf("the image is linked with %q, and ours with %q", flags[0], flags[1])
	}
	return strings.NewReplacer("${VERSION:-}", "1.2.3", "${REVISION:-}", "abc").Replace(flags[0])
}

// startDev builds the program of a project and starts the platform on free ports, with empty data.
func startDev(t *testing.T, project string, args ...string) dev {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program.exe")
	run(t, project, "go", "build", "-ldflags", linkerFlags(t, project), "-o", program, ".")
	if out := run(t, project, program, "version", "--output", "json"); !strings.Contains(out, `"version":"1.2.3","commit":"abc"`) {
		t.Fatalf("built as in the image, the program has the versions %s", out)
	}
	const free = "127.0.0.1:0"
	command := exec.Command(program, append([]string{"dev", "--json", "--command-addr", free, "--query-addr", free, "--health-addr", free, "--admin-addr", free, "--nats-addr", free}, args...)...)
	command.Env = append(command.Environ(), "DATABASE_URL=", "ORCHESTRIX_LOG=", "DESK_GREETING=good evening")
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
		if t.Failed() {
			t.Logf("dev wrote:\n%s", &log)
		}
	})
	var d dev
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &d) != nil {
		t.Fatalf("dev printed %q (%v)", line, err)
	}
	d.stop = func() {
		t.Helper()
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		err := command.Wait()
		if ended = true; err != nil {
			t.Errorf("after SIGTERM dev ended with %v", err)
		}
	}
	return d
}

func (d dev) get(t *testing.T, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// await repeats a read until it answers with the status, and returns the body.
func (d dev) await(t *testing.T, url string, status int) string {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		response := d.get(t, url)
		body, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode == status {
			return string(body)
		}
		if time.Now().After(end) {
			t.Fatalf("%s answers %s: %s (%v)", url, response.Status, body, err)
		}
	}
}
