package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// lockedPlatform is a platform whose NATS and Postgres authenticate each service and grant it the rights for its own work only.
type lockedPlatform struct {
	*platform
	keys   string // the directory that 'orchestrix keys init' made
	prefix string // of the roles in Postgres, which all tests share
	admin  string // URL of the database for its owner
}

// users of NATS and Postgres; migrate has no role of its own.
var users = []string{"command", "projection", "process", "query", "operator", "migrate"}

func newLockedPlatform(t *testing.T) *lockedPlatform {
	t.Helper()
	p := &lockedPlatform{
		platform: newPlatform(t, localtest.Postgres(t)), keys: filepath.Join(t.TempDir(), "keys"),
	}
	p.admin = p.databaseURL
	p.prefix = "t_" + strings.ToLower(rand.Text()[:8]) + "_"
	p.requireRoles()
	tool(t, "keys", "init", p.keys, "--nats-host", "127.0.0.1", "--sender", "shop")
	p.renameRoles()
	p.env = []string{"ORCHESTRIX_AWAIT_MIGRATION=true"}
	p.own, p.tokenFile = map[string][]string{}, filepath.Join(p.keys, "operator", "admin.token")
	for _, user := range users {
		p.own[user] = []string{
			"NATS_NKEY_FILE=" + filepath.Join(p.keys, user, "nats.nk"), "NATS_CA_FILE=" + filepath.Join(p.keys, user, "ca.crt"),
			"ORCHESTRIX_NATS_API_PREFIX=orx.api", "DATABASE_URL=" + p.roleURL(user),
			"ORCHESTRIX_ADMIN_TOKEN_FILE=" + filepath.Join(p.keys, user, "admin.token"),
		}
		if writer := filepath.Join(p.keys, user, "writer.nk"); user == "command" || user == "process" {
			p.own[user] = append(p.own[user], "NATS_WRITER_NKEY_FILE="+writer)
		}
	}
	for _, user := range []string{"command", "process", "query"} {
		p.own[user] = append(p.own[user], "ORCHESTRIX_SNAPSHOT_KEY_FILE="+filepath.Join(p.keys, user, "snapshot.keys"))
	}
	p.startLockedNATS()
	return p
}

// requireRoles skips the test where the database user may not create roles, and drops the roles at the end.
func (p *lockedPlatform) requireRoles() {
	p.t.Helper()
	conn := p.connect(p.admin)
	var may bool
	const mayCreate = "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
	if err := conn.QueryRow(p.t.Context(), mayCreate).Scan(&may); err != nil {
		p.t.Fatal(err)
	}
	if parsed, err := url.Parse(p.admin); !may || err != nil || parsed.Host == "" {
		p.t.Skip("the user of DATABASE_URL can't create roles, or it is no URL")
	}
	p.t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), p.admin)
		if err != nil {
			p.t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		for _, user := range append([]string{"monitor"}, users...) {
			role := p.prefix + user
			_, err := conn.Exec(context.Background(), fmt.Sprintf(
				`do $$ begin if exists (select from pg_roles where rolname = '%[1]s') then drop owned by %[1]s cascade; drop role %[1]s; end if; end $$`, role))
			if err != nil {
				p.t.Errorf("drop role %s: %v", role, err)
			}
		}
	})
}

// renameRoles prefixes the roles' names, so that tests that run concurrently do not share roles.
func (p *lockedPlatform) renameRoles() {
	p.t.Helper()
	files := []string{"migrate/roles"}
	for _, user := range users[:5] {
		files = append(files, user+"/pgpass")
	}
	for _, file := range files {
		path := filepath.Join(p.keys, file)
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(strings.ReplaceAll(string(content), "orchestrix_", p.prefix)), 0o600)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *lockedPlatform) roleURL(user string) string {
	if user == "migrate" {
		return p.admin
	}
	parsed, err := url.Parse(p.admin)
	if err != nil {
		p.t.Fatal(err)
	}
	parsed.User = url.User(p.prefix + user)
	query := parsed.Query()
	query.Set("passfile", filepath.Join(p.keys, user, "pgpass"))
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

// startLockedNATS starts NATS as a deployment does, with the generated rights.
func (p *lockedPlatform) startLockedNATS() {
	p.t.Helper()
	addr := strings.TrimPrefix(p.natsURL, "nats://")
	p.natsURL = "tls://" + addr
	config := fmt.Sprintf(`listen: %q
jetstream { store_dir: %q, sync_interval: always }
tls { cert_file: "tls.crt", key_file: "tls.key", ca_file: "ca.crt", min_version: "1.3" }
include auth.conf
`, addr, p.t.TempDir())
	for _, file := range []string{"tls.crt", "tls.key", "ca.crt"} {
		config = strings.Replace(config, `"`+file+`"`, fmt.Sprintf("%q", filepath.Join(p.keys, "nats", file)), 1)
	}
	file := filepath.Join(p.keys, "nats", "nats.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.nats = start(p.t, "nats-server", nil, "-c", file)
}

// as runs the tool with the keys of a user.
func (p *lockedPlatform) as(user string, args ...string) string {
	p.t.Helper()
	out, err := p.tryAs(user, args...)
	if err != nil {
		p.t.Fatalf("orchestrix %v as %s: %v\n%s", args, user, err, out)
	}
	return out
}

func (p *lockedPlatform) tryAs(user string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*patience)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(bin, "orchestrix"), args...)
	command.Env = append(os.Environ(), append(p.own[user], "NATS_URL="+p.natsURL)...)
	out, err := command.CombinedOutput()
	return string(out), err
}

func (p *lockedPlatform) connect(dsn string) *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), dsn)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Every service does its whole work with only its own rights, and every other operation is refused.
func TestServicesWithTheirOwnRights(t *testing.T) {
	t.Parallel()
	path := generated(t, 200, 7)
	want := expect(t, path)
	p := newLockedPlatform(t)
	p.startServices() // they wait for the migration
	services, processHealth := p.services(), "http://"+localtest.FreeAddr(t)
	if !logInPostgres() { // processes need the bus
		linkBank(t)
		p.binaries = bankBinaries // its transfers time out after seconds, not after half a minute
		services = append(services, p.startService("process", "", processHealth))
		p.binaries = ""
	}
	awaitStatus(t, p.commandHealth+"/healthz", http.StatusOK)
	awaitStatus(t, p.queryHealth+"/readyz", http.StatusServiceUnavailable)
	p.as("migrate", "migrate", "--roles", filepath.Join(p.keys, "migrate", "roles"))
	p.awaitReady()
	sendAll(t, p.platform, path, "failed 0")
	awaitTotals(t, p.platform, want)

	p.useBus()
	for _, service := range services { // snapshots are written at the end, and read at the start
		service.stop()
		service.start()
	}
	p.nats.kill()
	p.nats.start()
	p.awaitReady()
	p.as("migrate", "migrate", "--roles", filepath.Join(p.keys, "migrate", "roles")) // as an upgrade does
	sendAll(t, p.platform, path, "accepted 0, repeated")
	awaitTotals(t, p.platform, want)

	if !logInPostgres() {
		awaitStatus(t, processHealth+"/readyz", http.StatusOK)
		p.moveMoney(services[3], processHealth)
	}
	p.as("operator", "verify", "--sample", "0")
	p.as("operator", "backup", filepath.Join(t.TempDir(), "backup"))
	for _, service := range services {
		if log := service.log.String(); strings.Contains(strings.ToLower(log), "permission") {
			t.Errorf("%s lacks a right:\n%s", service.name, tail(log, 60))
		}
	}
	t.Run("NATS refuses the rest", func(t *testing.T) { p.checkNATS(t) })
	t.Run("Postgres refuses the rest", func(t *testing.T) { p.checkPostgres(t) })
	t.Run("an answer of NATS reaches no stream", func(t *testing.T) { p.checkAnswers(t) })
}

// useBus sends an asynchronous command, and drops a dead letter.
func (p *lockedPlatform) useBus() {
	p.t.Helper()
	if logInPostgres() {
		return
	}
	if o := statusAt(p.t, p.commandURL, later(p.t, p.commandURL, "account/later/open", "open-later", openAccount)); o.field("status") != "accepted" {
		p.t.Errorf("the result of an asynchronous command is %v", o)
	}
	key, err := nats.NkeyOptionFromSeed(filepath.Join(p.keys, "shop", "nats.nk"))
	if err != nil {
		p.t.Fatal(err)
	}
	publishNonsense(p.t, p.natsURL, "lost", key, nats.RootCAs(filepath.Join(p.keys, "ca.crt")), nats.CustomInboxPrefix("_INBOX_shop"))
	admin := p.operate(p.commandHealth)
	one := awaitDeadLetter(p.t, admin, 0)
	tool(p.t, append([]string{"dead-letters", "retry", fmt.Sprint(one.Number)}, admin...)...)
	again := awaitDeadLetter(p.t, admin, one.Number)
	tool(p.t, append([]string{"dead-letters", "drop", fmt.Sprint(again.Number), "--reason", "nonsense"}, admin...)...)
}

// moveMoney makes the process service use all of its rights: one transfer with answers, and one that no account answers, so
// that its deadline passes and the transfer is undone.
func (p *lockedPlatform) moveMoney(processes *program, health string) {
	p.t.Helper()
	p.post("account/from/open", openAccount)
	p.post("account/to/open", openAccount)
	p.post("account/from/deposit", `{"amount":"100"}`)
	const transfer = `{"from":"from","to":"to","amount":"1","currency":"EUR"}`
	p.post("transfer/answered/request", transfer)
	p.awaitTransfer("answered", "completed", nil)

	processes.stop()
	p.post("transfer/late/request", transfer)
	p.command.stop()
	processes.start()
	eventually(p.t, "the deadline", func() error {
		a, err := p.inspect(health, "/processes/transfer/late")
		if err == nil && a.field("instance.step") != "revoke-debit" {
			err = fmt.Errorf("the process is %v", a)
		}
		return err
	})
	p.command.start()
	p.awaitTransfer("late", "failed", "debit-not-answered")
}

func (p *lockedPlatform) awaitTransfer(id, status string, reason any) {
	p.t.Helper()
	eventually(p.t, "transfer "+id, func() error {
		a, err := request(p.t.Context(), http.MethodGet, p.queryURL+"/v1/views/transfers/"+id, "")
		if err == nil && (a.field("data.status") != status || a.field("data.reason") != reason) {
			err = fmt.Errorf("it is %v", a)
		}
		return err
	})
}
