package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/oapi-codegen/runtime" // imported by the generated Go clients
)

const root = "../.."

// apis maps each API with a document to the field of the line with the addresses that holds its URL.
var apis = map[string]string{"command": "command_url", "query": "query_url", "admin": "admin_url"}

// printed is what both client programs print: the balance of the new account, the code of the problem, and a view of the
// admin API.
const printed = "Ada Lovelace 0.0000 EUR\nvalidation-failed\naccount-balance\n"

// platform is a running "orchestrix dev", with the API documents that it serves.
type platform struct {
	urls  map[string]string // by API
	token string            // of the admin API
	dir   string            // holds the document of each API
}

// document is the file that holds the document of an API.
func (p platform) document(api string) string { return filepath.Join(p.dir, api+".json") }

func startPlatform(t *testing.T) platform {
	t.Helper()
	p := platform{urls: map[string]string{}, dir: t.TempDir()}
	binary, home := filepath.Join(p.dir, "orchestrix"), dataHome(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/orchestrix")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dev := exec.Command(binary, "dev", "--memory", "--json", "--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
	dev.Env = append(dev.Environ(), "XDG_DATA_HOME="+home) // not that of the user
	dev.Stderr = t.Output()
	stdout, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dev.Process.Signal(syscall.SIGTERM)
		_ = dev.Wait()
	})
	addresses := map[string]string{}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &addresses)
	}
	if err != nil {
		t.Fatalf("the addresses of the platform: %v: %q", err, line)
	}
	for api, field := range apis {
		p.urls[api] = addresses[field]
	}
	p.token = token(t, home)
	for api := range apis {
		p.download(t, api)
	}
	return p
}

// dataHome returns a directory for the data of users. That of root is elsewhere if others may not enter it.
func dataHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "orchestrix-clients-")
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(home) })
		err = os.Chmod(home, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// token returns the token that dev has written for the tool.
func token(t *testing.T, home string) string {
	t.Helper()
	var instance struct {
		AdminToken string `json:"admin_token"`
	}
	text, err := os.ReadFile(filepath.Join(home, "orchestrix", "dev-elsewhere.json"))
	if err == nil {
		err = json.Unmarshal(text, &instance)
	}
	if err != nil {
		t.Fatal(err)
	}
	return instance.AdminToken
}

// download saves the document of an API.
func (p platform) download(t *testing.T, api string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.urls[api]+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	if api == "admin" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", request.URL, response.Status, err)
	}
	if err := os.WriteFile(p.document(api), body, 0o600); err != nil {
		t.Fatal(err)
	}
}

// command runs a program in a directory, and returns what it prints.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// npmProgram is a program of package.json. Only CI has to have it.
func npmProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("node_modules", ".bin", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("run npm ci in tests/clients: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestClients needs no database: what clients see of the platform is the same in memory.
func TestClients(t *testing.T) {
	t.Parallel()
	p := startPlatform(t)
	t.Run("the documents pass the linter", p.lint)
	t.Run("Go", p.useGoClients)
	t.Run("TypeScript", p.useTypeScriptClients)
}

func (p platform) lint(t *testing.T) {
	redocly := npmProgram(t, "redocly")
	command(t, ".", redocly, "lint", "--max-problems", "1000", p.document("command"), p.document("query"), p.document("admin"))
}

// useGoClients compiles the generated clients in a module without Orchestrix, and runs a program that uses them.
func (p platform) useGoClients(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir, "go.mod", "go.sum", "testdata/go/main.go")
	for api := range apis {
		if err := os.Mkdir(filepath.Join(dir, api), 0o700); err != nil {
			t.Fatal(err)
		}
		command(t, ".", "go", "tool", "oapi-codegen", "-package", api, "-generate", "types,client",
			"-o", filepath.Join(dir, api, api+".go"), p.document(api))
	}
	if got := command(t, dir, "go", "run", ".", p.urls["command"], p.urls["query"], p.urls["admin"], p.token); got != printed {
		t.Errorf("the Go client printed %q, want %q", got, printed)
	}
}

// useTypeScriptClients compiles the generated types, and runs a program that uses them.
func (p platform) useTypeScriptClients(t *testing.T) {
	generator, compiler := npmProgram(t, "openapi-typescript"), npmProgram(t, "tsc")
	dir := t.TempDir()
	copyFiles(t, dir, "testdata/typescript/package.json", "testdata/typescript/tsconfig.json", "testdata/typescript/client.ts")
	modules, err := filepath.Abs("node_modules")
	if err == nil {
		err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for api := range apis {
		command(t, ".", generator, p.document(api), "-o", filepath.Join(dir, api+".ts"))
	}
	command(t, dir, compiler, "--project", ".")
	if got := command(t, dir, "node", "client.js", p.urls["command"], p.urls["query"], p.urls["admin"], p.token); got != printed {
		t.Errorf("the TypeScript client printed %q, want %q", got, printed)
	}
}

func copyFiles(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), body, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
