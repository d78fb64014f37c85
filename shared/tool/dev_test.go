package tool

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// adminOf serves an admin port that answers each request with a list whose one name is that of the port.
func adminOf(t *testing.T, name string) string {
	t.Helper()
	level := "INFO"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/log-level":
			if r.Method == http.MethodPut {
				level = strings.ToUpper(strings.Trim(strings.Split(string(body), ":")[1], `"}`))
			}
			fmt.Fprintf(w, `{"level":%q}`, level)
		case strings.HasPrefix(r.URL.Path, "/v1/commands/"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{}`)
		case strings.HasPrefix(r.URL.Path, "/dead-letters"):
			fmt.Fprintf(w, `{"items":[{"number":1,"id":%q}]}`, name)
		case r.URL.Path == "/deadlines":
			fmt.Fprintf(w, `{"items":[{"name":%q}]}`, name)
		case r.URL.Path == "/processes":
			fmt.Fprintf(w, `{"items":[{"process":%q}]}`, name)
		default:
			fmt.Fprintf(w, `{"items":[{"view":%q}]}`, name)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// running makes a dev of these addresses run on a directory.
func running(t *testing.T, dir string, i local.Instance) {
	t.Helper()
	claim, err := local.ClaimDir(context.Background(), dir, "example.com/shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = claim.Release() })
	i.CommandURL = cmp.Or(i.CommandURL, "http://127.0.0.1:1")
	i.QueryURL = cmp.Or(i.QueryURL, "http://127.0.0.1:1")
	i.HealthURL = cmp.Or(i.HealthURL, i.AdminURL, "http://127.0.0.1:1")
	i.AdminURL = cmp.Or(i.AdminURL, "http://127.0.0.1:1")
	i.AdminToken = cmp.Or(i.AdminToken, "the-token-of-a-dev")
	if err := claim.Publish(i); err != nil {
		t.Fatal(err)
	}
}

// noEnvironment removes what names addresses, and returns the default data directory of the program.
func noEnvironment(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"ORCHESTRIX_ADMIN_URL", "ORCHESTRIX_ADMIN_TOKEN_FILE", "ORCHESTRIX_HEALTH_ADDR", "ORCHESTRIX_COMMAND_URL", "ORCHESTRIX_QUERY_URL", "ORCHESTRIX_LOG", "NATS_URL", "DATABASE_URL"} {
		t.Setenv(name, "")
	}
	home, err := local.NewTempDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = home.Remove() })
	t.Setenv("XDG_DATA_HOME", home.Path())
	dir, err := local.DefaultDataDir("orchestrix")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var listing = [][]string{
	{"projections"}, {"parked", "list"}, {"dead-letters", "list"}, {"deadlines"}, {"processes", "list"},
}

func TestCommandsFindTheDevThatRuns(t *testing.T) {
	dir := noEnvironment(t)
	running(t, dir, local.Instance{Addresses: local.Addresses{AdminURL: adminOf(t, "mine"), CommandURL: adminOf(t, "mine"), QueryURL: adminOf(t, "mine")}})
	elsewhere := filepath.Join(t.TempDir(), "data")
	running(t, elsewhere, local.Instance{Addresses: local.Addresses{AdminURL: adminOf(t, "elsewhere")}})
	named := adminOf(t, "named")
	wants := func(want string, args ...string) {
		t.Helper()
		if out, err := run(t, args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: %q, %v; want %q", args, out, err, want)
		}
	}
	for _, command := range listing {
		wants("mine", command...)
		wants("elsewhere", append(command, "--data-dir", elsewhere)...)
		wants("named", append(command, "--admin-url", named, "--data-dir", elsewhere)...)
	}
	wants("mine", "health")
	wants("info", "log-level")
	wants("debug", "log-level", "debug")
	wants("debug", "log-level", "--service", "process")
	file := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(file, []byte(`{"category":"order","id":"1","command":"place","data":{}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants("accepted 1,", "send", file)
	wants("2 requests", "bench", "--get", "/v1/views/x", "--count", "2", "--concurrency", "1")
	wants("2 requests", "bench", "order/{}/place", "--data", file, "--count", "2", "--concurrency", "1")

	t.Setenv("ORCHESTRIX_ADMIN_URL", adminOf(t, "variable"))
	wants("variable", "projections")
	wants("named", "projections", "--admin-url", named)
	wants("elsewhere", "projections", "--data-dir", elsewhere)
}

// One variable leads each command to the service that answers it, as in a container of operators.
func TestTheVariableNamesEachService(t *testing.T) {
	noEnvironment(t)
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		fmt.Fprint(w, `{"items":[]}`)
	}))
	defer server.Close()
	t.Setenv("ORCHESTRIX_ADMIN_URL", server.URL+"/{service}/")
	for command, path := range map[string]string{
		"projections": "/projection/projections", "dead-letters list": "/command/dead-letters", "deadlines": "/command/deadlines",
		"processes list": "/process/processes", "log-level --service query": "/query/log-level",
	} {
		if _, err := run(t, strings.Fields(command)...); err != nil {
			t.Fatal(err)
		}
		if got := <-asked; got != path {
			t.Errorf("%s asked %s, want %s", command, got, path)
		}
	}
	for _, bad := range []string{"http://{servcie}:9180", "command:9180", "http://:9180", "ftp://command"} {
		t.Setenv("ORCHESTRIX_ADMIN_URL", bad)
		if _, err := run(t, "deadlines"); err == nil || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "must be like http://command:9180") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Without a dev, the default is the service that serves the list.
func TestTheDefaultAdminPortIsThatOfTheService(t *testing.T) {
	noEnvironment(t)
	for command, port := range map[string]string{
		"projections": ":9182", "parked list": ":9182", "dead-letters list": ":9180", "deadlines": ":9180", "processes list": ":9183",
	} {
		out, err := run(t, append(strings.Fields(command), "--help")...)
		if err != nil || !strings.Contains(out, "http://127.0.0.1"+port) {
			t.Errorf("%s --help: %v, must name port %s:\n%s", command, err, port, out)
		}
	}
	if _, err := run(t, "projections", "--data-dir", "/nowhere"); err == nil || !strings.Contains(err.Error(), "no dev runs on --data-dir /nowhere") {
		t.Errorf("a directory without a dev: %v", err)
	}
	if _, err := run(t, "log-level", "--service", "quary"); err == nil || !strings.Contains(err.Error(), "command, query, projection, process") {
		t.Errorf("an unknown service: %v", err)
	}
}

func TestTheStoreOfTheLogIsThatOfTheDev(t *testing.T) {
	const nats, database = "nats://127.0.0.1:1", "postgres://127.0.0.1:2/dev"
	inJetStream := local.Instance{Log: service.LogInJetStream, Addresses: local.Addresses{NATSURL: nats, DatabaseURL: database}}
	inPostgres := local.Instance{Log: service.LogInPostgres, Addresses: local.Addresses{DatabaseURL: database}}
	inMemory := local.Instance{Log: local.LogInMemory, PID: 7}
	for name, test := range map[string]struct {
		dev                   *local.Instance
		kind, nats, database  string // of the flags
		dataDir               bool   // whether a flag names the dev
		variable, is          string // of the environment
		wantKind, wantNATS    string
		wantDatabase, wantErr string
	}{
		"no dev":                          {wantKind: "jetstream", wantNATS: defaultNATSURL},
		"in JetStream":                    {dev: &inJetStream, wantKind: "jetstream", wantNATS: nats, wantDatabase: database},
		"in Postgres":                     {dev: &inPostgres, wantKind: "postgres", wantNATS: defaultNATSURL, wantDatabase: database},
		"in memory":                       {dev: &inMemory, wantErr: "process 7"},
		"in memory, another log is named": {dev: &inMemory, nats: "nats://b", wantKind: "jetstream", wantNATS: "nats://b"},
		"another NATS is named":           {dev: &inJetStream, nats: "nats://b", wantKind: "jetstream", wantNATS: "nats://b"},
		"another database is named":       {dev: &inJetStream, database: "postgres://b", wantKind: "jetstream", wantNATS: defaultNATSURL, wantDatabase: "postgres://b"},
		"another store is named":          {dev: &inJetStream, kind: "postgres", wantKind: "postgres", wantNATS: defaultNATSURL},
		"the database of the dev":         {dev: &inJetStream, variable: "DATABASE_URL", is: database, wantKind: "jetstream", wantNATS: nats, wantDatabase: database},
		"a variable names another NATS":   {dev: &inJetStream, variable: "NATS_URL", is: "nats://b", wantKind: "jetstream", wantNATS: "nats://b"},
		"a flag names the dev":            {dev: &inJetStream, dataDir: true, variable: "NATS_URL", is: "nats://b", wantKind: "jetstream", wantNATS: nats, wantDatabase: database},
		"flags that contradict":           {dev: &inJetStream, dataDir: true, nats: "nats://b", wantErr: "is not of the dev"},
		"an unknown store":                {kind: "oracle", wantErr: "--log"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := noEnvironment(t)
			if test.dev != nil {
				running(t, dir, *test.dev)
			}
			if test.variable != "" {
				t.Setenv(test.variable, test.is)
			}
			f := logFlags{kind: test.kind, natsURL: test.nats, databaseURL: test.database, dev: &devFinder{program: "orchestrix"}}
			if test.dataDir {
				f.dev.dataDir = dir
			}
			err := f.resolve()
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("%v, want an error with %q", err, test.wantErr)
				}
				return
			}
			if err != nil || f.kind != test.wantKind || f.natsURL != test.wantNATS || f.databaseURL != test.wantDatabase {
				t.Errorf("%+v, %v", f, err)
			}
		})
	}
}

// A file of dev that can't be read is not taken for none: commands would go to another platform.
func TestADamagedFileOfDev(t *testing.T) {
	dir := noEnvironment(t)
	running(t, dir, local.Instance{})
	if err := os.WriteFile(filepath.Join(dir, "dev.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "projections"); err == nil || !strings.Contains(err.Error(), "dev.json is damaged: stop the dev") {
		t.Errorf("%v, want an error that names the file", err)
	}
}

// A dev that has not written its addresses yet is waited for by people, not taken for none.
func TestADevThatStarts(t *testing.T) {
	dir := noEnvironment(t)
	claim, err := local.ClaimDir(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	for _, args := range [][]string{{"projections"}, {"events"}, {"health"}} {
		if _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), "dev is starting") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := run(t, "events", "--log", "postgres", "--database-url", "postgres://127.0.0.1:1/none"); err == nil || strings.Contains(err.Error(), "dev is starting") {
		t.Errorf("a log that is named: %v", err)
	}
}
