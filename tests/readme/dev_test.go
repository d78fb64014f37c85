package readme

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// patience is how long a test waits for a result that must come.
const patience = 2 * time.Minute

// tool is the path of the command-line tool under test.
var tool string

func TestMain(m *testing.M) {
	if name := os.Getenv(helpOf); name != "" {
		os.Exit(service.Main(context.Background(), service.Process{Service: name, Args: os.Args[1:], Config: configs[name]}))
	}
	dir, err := os.MkdirTemp("", "orchestrix-readme-")
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

// dev is a running "orchestrix dev" on free ports, with empty data.
type dev struct {
	CommandURL  string `json:"command_url"`
	QueryURL    string `json:"query_url"`
	HealthURL   string `json:"health_url"`
	AdminURL    string `json:"admin_url"`
	NATSURL     string `json:"nats_url"`
	DatabaseURL string `json:"database_url"`
	DataDir     string `json:"data_dir"`
	tokenFile   string // of the admin port
}

func startDev(t *testing.T) dev {
	t.Helper()
	const free = "127.0.0.1:0"
	command := exec.Command(tool, "dev", "--ephemeral", "--json", "--command-addr", free, "--query-addr", free, "--health-addr", free, "--admin-addr", free, "--nats-addr", free)
	command.Env = append(command.Environ(), "DATABASE_URL=", "ORCHESTRIX_LOG=")
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() && log.Len() > 0 {
			t.Logf("dev wrote:\n%s", &log)
		}
	})
	var d dev
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &d) != nil {
		t.Fatalf("dev printed %q (%v)", line, err)
	}
	d.tokenFile = filepath.Join(t.TempDir(), "admin.token")
	found, err := local.FindInstance(d.DataDir)
	if err == nil {
		err = os.WriteFile(d.tokenFile, []byte("dev:"+found.AdminToken), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shell runs one command of a document against d, in the root of the repository, and returns what it prints.
func (d dev) shell(t *testing.T, command string) string {
	t.Helper()
	return d.shellIn(t, "../..", command)
}

// shellIn runs the commands of a document in a directory.
func (d dev) shellIn(t *testing.T, dir, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	here := strings.NewReplacer(
		"http://localhost:8080", d.CommandURL, "localhost:8080", d.CommandURL, "localhost:8081", d.QueryURL, "localhost:9082", d.HealthURL,
		"go run ./cmd/orchestrix", tool, "curl ", "curl -sS ",
	).Replace(command)
	c := exec.CommandContext(ctx, "sh", "-ec", here)
	c.Dir = dir
	c.Env = append(c.Environ(), "NATS_URL="+d.NATSURL, "DATABASE_URL="+d.DatabaseURL, "ORCHESTRIX_LOG=",
		"ORCHESTRIX_COMMAND_URL="+d.CommandURL, "ORCHESTRIX_ADMIN_URL="+d.AdminURL, "ORCHESTRIX_ADMIN_TOKEN_FILE="+d.tokenFile)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s\n%v\n%s", command, err, out)
	}
	return string(out)
}
