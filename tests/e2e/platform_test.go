package e2e

import (
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
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// platform is NATS, Postgres and the three services, each a process of its own.
type platform struct {
	t                          testing.TB
	nats                       *program
	command, projection, query *program
	natsURL, databaseURL       string
	commandURL, queryURL       string
	commandHealth, queryHealth string
	projectionHealth           string
	admins                     map[string]string   // URL of the admin port of each service by that of its health port
	tokenFile                  string              // of the operator; the services accept it too
	env                        []string            // of the services, besides the URLs
	own                        map[string][]string // of each service alone
	binaries                   string              // prefix of the names of the services' binaries
}

// logInPostgres reports whether the log is in Postgres in this run: the services inherit the variable.
func logInPostgres() bool { return os.Getenv("ORCHESTRIX_LOG") == "postgres" }

// newPlatform describes a platform on free ports and starts nothing.
func newPlatform(t testing.TB, databaseURL string) *platform {
	t.Helper()
	natsAddr := localtest.FreeAddr(t)
	token := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(token, []byte("ada:a-token-for-the-tests\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &platform{
		admins: map[string]string{}, tokenFile: token,
		t: t, natsURL: "nats://" + natsAddr, databaseURL: databaseURL,
		commandURL: "http://" + localtest.FreeAddr(t), queryURL: "http://" + localtest.FreeAddr(t),
		commandHealth: "http://" + localtest.FreeAddr(t), queryHealth: "http://" + localtest.FreeAddr(t), projectionHealth: "http://" + localtest.FreeAddr(t),
	}
}

// startPlatform starts everything and waits until it is ready.
func startPlatform(t testing.TB) *platform { return startPlatformWith(t) }

// startPlatformWith is startPlatform with further variables of the services.
func startPlatformWith(t testing.TB, env ...string) *platform {
	t.Helper()
	p := newPlatform(t, localtest.Postgres(t))
	p.env = env
	p.startNATS()
	p.startServices()
	p.awaitReady()
	return p
}

func (p *platform) startNATS() {
	p.t.Helper()
	dir := p.t.TempDir()
	_, port, _ := strings.Cut(strings.TrimPrefix(p.natsURL, "nats://"), ":")
	config := fmt.Sprintf("host: 127.0.0.1\nport: %s\njetstream { store_dir: %q, sync_interval: always }\n", port, dir)
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.nats = start(p.t, "nats-server", nil, "-c", file)
}

func (p *platform) startServices() {
	p.t.Helper()
	p.command = p.startService("command", p.commandURL, p.commandHealth)
	p.projection = p.startService("projection", "", p.projectionHealth)
	p.query = p.startService("query", p.queryURL, p.queryHealth)
}

func (p *platform) startService(name, url, health string) *program {
	p.t.Helper()
	if p.admins[health] == "" {
		p.admins[health] = "http://" + localtest.FreeAddr(p.t)
	}
	env := []string{
		"NATS_URL=" + p.natsURL, "DATABASE_URL=" + p.databaseURL,
		"ORCHESTRIX_HEALTH_ADDR=" + strings.TrimPrefix(health, "http://"), "ORCHESTRIX_ADMIN_TOKEN_FILE=" + p.tokenFile,
		"ORCHESTRIX_ADMIN_ADDR=" + strings.TrimPrefix(p.admins[health], "http://"),
	}
	if url != "" {
		env = append(env, "ORCHESTRIX_ADDR="+strings.TrimPrefix(url, "http://"))
	}
	env = append(env, p.env...)
	return start(p.t, p.binaries+name, append(env, p.own[name]...)) // the last value of a name counts
}

func (p *platform) services() []*program { return []*program{p.command, p.projection, p.query} }

// awaitReady waits until the services are ready, and the views of orders are there to be read.
func (p *platform) awaitReady() {
	p.t.Helper()
	for _, health := range []string{p.commandHealth, p.projectionHealth, p.queryHealth} {
		awaitStatus(p.t, health+"/readyz", http.StatusOK)
	}
	for _, view := range []string{"order-summary", "sales-by-country", "sales-by-customer", "product-sales"} {
		awaitStatus(p.t, p.queryURL+"/v1/views/"+view+"?limit=1", http.StatusOK)
	}
}

// operate returns the flags with which the tool operates the service of a health port.
func (p *platform) operate(health string) []string {
	return []string{"--admin-url", p.admins[health], "--admin-token-file", p.tokenFile}
}

// inspect reads a path of the admin port of the service of a health port.
func (p *platform) inspect(health, path string) (answer, error) {
	tokens, err := adminapi.TokenFile(p.tokenFile)()
	if err != nil {
		return answer{}, err
	}
	return request(p.t.Context(), http.MethodGet, p.admins[health]+path, "", "Authorization", "Bearer "+tokens[0].Secret)
}

// send runs the command-line tool on a file of commands and returns what it printed.
func (p *platform) send(file string) (string, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*patience)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(bin, "orchestrix"), "send", "--command-url", p.commandURL, file)
	out, err := command.CombinedOutput()
	return string(out), err
}

// answer is the response of a service.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// field reads a member of a JSON answer by its path: "data.net_total".
func (a answer) field(path string) any {
	var value any
	if err := json.Unmarshal(a.Body, &value); err != nil {
		return err
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// request sends one request; headers come in pairs.
func request(ctx context.Context, method, url, body string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewBufferString(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{Status: response.StatusCode, Header: response.Header, Body: text}, err
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}}

// get reads from the query service and expects 200.
func (p *platform) get(path string, headers ...string) answer {
	p.t.Helper()
	a, err := request(p.t.Context(), http.MethodGet, p.queryURL+path, "", headers...)
	if err != nil || a.Status != http.StatusOK {
		p.t.Fatalf("GET %s: %v, %v", path, a, err)
	}
	return a
}

// post sends a command and expects 200.
func (p *platform) post(path, body string, headers ...string) answer {
	p.t.Helper()
	a, err := request(p.t.Context(), http.MethodPost, p.commandURL+"/v1/commands/"+path, body, headers...)
	if err != nil || a.Status != http.StatusOK {
		p.t.Fatalf("POST %s: %v, %v", path, a, err)
	}
	return a
}

// list reads every page of a view.
func (p *platform) list(view, filter string) []map[string]any {
	p.t.Helper()
	var items []map[string]any
	cursor := ""
	for {
		path := "/v1/views/" + view + "?limit=1000" + filter
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		var page struct {
			Items      []map[string]any `json:"items"`
			NextCursor string           `json:"next_cursor"`
		}
		a := p.get(path)
		if err := json.Unmarshal(a.Body, &page); err != nil {
			p.t.Fatalf("GET %s: %v: %s", path, err, a.Body)
		}
		items = append(items, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return items
		}
	}
}
