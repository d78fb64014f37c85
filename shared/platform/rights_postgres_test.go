package platform

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// postgresMatrix is what each role may do: s select, i insert or create, u update, d delete, x lock the table against all
// others. After a slash is whose row it is.
const postgresMatrix = `
                        command projection process query operator monitor
migrations              s       s          s       s     s        -
snapshots/aggregate     siux    -          sx      s     s        -
snapshots/process       sx      -          siux    s     s        -
views/view              -       siudx      sx      s     s        -
views/process           -       siudx      siudx   s     s        -
view_builds/view        -       siudx      sx      s     s        -
view_builds/process     -       siudx      siudx   s     s        -
checkpoints/view        -       siudx      sx      s     s        -
checkpoints/process     -       sudx       siudx   s     s        -
checkpoints/move        -       -          u       -     -        -
workers/view            -       siudx      sx      -     -        -
workers/process         -       sx         siudx   -     -        -
parked/view             -       siudx      sx      -     s        -
parked/process          -       sx         siudx   -     s        -
actions                 i       si         i       -     -        -
log_partitions          su      s          -       s     s        -
log_commits/aggregate   si      s          -       s     s        -
log_commits/process     s       s          -       s     s        -
documents               -       siudx      s       s     s        -
create/orchestrix       -       -          -       -     -        -
create/views            -       i          -       -     -        -
create/public           -       -          -       -     -        -
create/temporary        -       -          -       -     -        -
create/schema           -       -          -       -     -        -
functions               -       -          -       -     -        -
database/own            s       s          s       s     s        s
database/other          -       -          -       -     -        -
statistics              -       -          -       -     -        s
`

// rowsOf returns the attempts on the rows of a table that a condition selects. An insert repeats them: the rights allow or
// refuse it before the constraints refuse it.
func rowsOf(table, columns, where string) map[string]string {
	first, _, _ := strings.Cut(columns, ",")
	return map[string]string{
		"s": fmt.Sprintf("select * from %s where %s", table, where), "i": fmt.Sprintf("insert into %s (%s) select %s from %s where %s", table, columns, columns, table, where),
		"u": fmt.Sprintf("update %s set %s = %s where %s", table, first, first, where), "d": fmt.Sprintf("delete from %s where %s", table, where),
		"x": fmt.Sprintf("lock table %s in access exclusive mode", table),
	}
}

const buildColumns = "version, rebuild, view, "

// postgresAttempts are the statements by which a role tries each right.
var postgresAttempts = map[string]map[string]string{
	"migrations":            rowsOf("orchestrix.migrations", "version_id, is_applied", "true"),
	"snapshots/aggregate":   rowsOf("orchestrix.snapshots", "version, tenant, category, id, schema, state, mac, taken_at", "category = 'order'"),
	"snapshots/process":     rowsOf("orchestrix.snapshots", "version, tenant, category, id, schema, state, mac, taken_at", "category = 'process-x'"),
	"views/view":            rowsOf("orchestrix.views", "active_version, name, active_rebuild", "name = 'orders'"),
	"views/process":         rowsOf("orchestrix.views", "active_version, name, active_rebuild", "name = 'process-runner'"),
	"view_builds/view":      rowsOf("orchestrix.view_builds", buildColumns+"fields, shared", "view = 'orders'"),
	"view_builds/process":   rowsOf("orchestrix.view_builds", buildColumns+"fields, shared", "view = 'process-runner'"),
	"checkpoints/view":      rowsOf("orchestrix.checkpoints", buildColumns+"partition", "view = 'orders'"),
	"checkpoints/process":   rowsOf("orchestrix.checkpoints", buildColumns+"partition", "view = 'process-runner'"),
	"checkpoints/move":      {"u": "update orchestrix.checkpoints set position = 7 where view = 'process-runner'"},
	"workers/view":          rowsOf("orchestrix.workers", "lives_until, name, kind", "kind = 'projection'"),
	"workers/process":       rowsOf("orchestrix.workers", "lives_until, name, kind", "kind = 'process'"),
	"parked/view":           rowsOf("orchestrix.parked", buildColumns+"tenant, lane, category, stream, partition, sequence, event, type", "view = 'orders'"),
	"parked/process":        rowsOf("orchestrix.parked", buildColumns+"tenant, lane, category, stream, partition, sequence, event, type", "view = 'process-runner'"),
	"log_partitions":        rowsOf("orchestrix.log_partitions", "head, partition, created", "true"),
	"log_commits/aggregate": rowsOf("orchestrix.log_commits", commitColumns, "category = 'order'"),
	"log_commits/process":   rowsOf("orchestrix.log_commits", commitColumns, "category = 'process-x'"),
	"documents":             rowsOf("orchestrix_views.view_orders_v1", "sequence, tenant, key, partition", "true"),
	"actions": {
		"s": "select * from orchestrix.actions", "i": "insert into orchestrix.actions (who, did, view, object, reason) values ('ada', '', '', '', '')",
		"u": "update orchestrix.actions set who = 'bob'", "d": "delete from orchestrix.actions", "x": "lock table orchestrix.actions in access exclusive mode",
	},
	"create/orchestrix": {"i": "create table orchestrix.mine (n int)"}, "create/views": {"i": "create table orchestrix_views.mine (n int)"},
	"create/public": {"i": "create table public.mine (n int)"}, "create/temporary": {"i": "create temporary table mine (n int)"},
	"create/schema": {"i": "create schema mine"},
	"functions":     {"s": "select orchestrix.refuse_row()"}, "statistics": {"s": "select * from pg_ls_waldir()"},
	"database/own": {"s": "select 1"}, "database/other": {"s": "select 1"},
}

const commitColumns = "version, partition, sequence, tenant, category, stream, first_version, command_id, command_hash, traceparent, tracestate, body"

// matrixRows are rows of each owner.
const matrixRows = `
insert into orchestrix.snapshots (tenant, category, id, version, schema, state, mac, taken_at) values ('t', 'order', '1', 1, 's', '', '', now()), ('t', 'process-x', '1', 1, 's', '', '', now());
insert into orchestrix.views (name, active_version, active_rebuild) values ('process-runner', 1, 0);
insert into orchestrix.view_builds (view, version, rebuild, fields, shared) values ('process-runner', 1, 0, '[]', false);
insert into orchestrix.checkpoints (view, version, rebuild, partition) values ('orders', 1, 0, 0), ('process-runner', 1, 0, 0);
insert into orchestrix.workers (name, kind, lives_until) values ('a', 'projection', now()), ('b', 'process', now());
insert into orchestrix.parked (view, version, rebuild, tenant, lane, category, stream, partition, sequence, event, type) values ('orders', 1, 0, 't', 'l', 'order', '1', 0, 1, 0, 'o'), ('process-runner', 1, 0, 't', 'l', 'order', '1', 0, 1, 0, 'o');
insert into orchestrix.log_partitions (partition, created) values (0, now());
insert into orchestrix.log_commits (` + commitColumns + `) values (1, 0, 1, 't', 'order', '1', 1, 'c', '', '', '', '[]'), (1, 0, 2, 't', 'process-x', '1', 1, 'c', '', '', '', '[]');
insert into orchestrix_views.view_orders_v1 (tenant, key, partition, sequence) values ('t', 'k', 0, 0);
create database elsewhere`

// Every role has exactly the rights of the matrix, in its own rows and in those of others.
func TestPostgresMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	m.checkLimits()
	for _, d := range m.differences() {
		t.Error(d)
	}
	// Without the protection the matrix is not what is written down: otherwise it would prove nothing.
	m.exec(`drop trigger orchestrix_process on orchestrix.snapshots; drop trigger orchestrix_command on orchestrix.log_commits;
		drop trigger "orchestrix_process old" on orchestrix.checkpoints; drop trigger "orchestrix_projection old" on orchestrix.checkpoints; grant create on schema orchestrix_views to orchestrix_process;
		grant update, delete on orchestrix.actions to orchestrix_projection; grant temporary on database orchestrix to public;
		grant connect on database elsewhere to public; grant execute on function orchestrix.refuse_row() to public`)
	found := strings.Join(m.differences(), "\n")
	for _, cell := range []string{
		"process, snapshots/aggregate", "command, log_commits/process", "process, checkpoints/view", "projection, checkpoints/move", "process, create/views", "projection, actions",
		"query, create/temporary", "operator, database/other", "monitor, database/other", "query, functions",
	} {
		if !strings.Contains(found, cell+": ") {
			t.Errorf("without its protection nothing is found at %s", cell)
		}
	}
}

// checkLimits compares the limits of a role.
func (m *matrix) checkLimits() {
	m.t.Helper()
	conn := m.connect("orchestrix_query", "orchestrix")
	for setting, want := range map[string]string{"statement_timeout": "1min", "idle_in_transaction_session_timeout": "1min", "search_path": "pg_catalog, pg_temp"} {
		var got string
		if err := conn.QueryRow(m.t.Context(), "select current_setting($1)", setting).Scan(&got); err != nil || got != want {
			m.t.Errorf("%s is %s, %v", setting, got, err)
		}
	}
	var connections, most int
	const limit = "select rolconnlimit, current_setting('max_connections')::int from pg_roles where rolname = current_user"
	if err := conn.QueryRow(m.t.Context(), limit).Scan(&connections, &most); err != nil || connections != most/2 {
		m.t.Errorf("%d connections of %d, %v", connections, most, err)
	}
}

type matrix struct {
	t     *testing.T
	url   *url.URL
	admin *pgx.Conn
}

const matrixPassword = "secret"

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	server, err := local.StartPostgres(t.Context(), local.PostgresOptions{Dir: filepath.Join(localtest.Dir(t), "server")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &matrix{t: t}
	if m.url, err = url.Parse(server.URL()); err != nil {
		t.Fatal(err)
	}
	if m.admin, err = pgx.Connect(t.Context(), server.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.admin.Close(context.Background()) })
	db := m.open(server.URL())
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var roles []postgres.Role
	for _, user := range (Deployment{Registry: core.NewRegistry(), Partitions: 1}).Users() {
		if user.Name != MigrateUser {
			roles = append(roles, postgres.Role{Name: "orchestrix_" + user.Name, Password: matrixPassword, Rights: user.Postgres})
		}
	}
	roles = append(roles, postgres.Role{Name: "orchestrix_monitor", Password: matrixPassword, Rights: postgres.Rights{Monitor: true}})
	for range 2 {
		if err := db.SetRoles(t.Context(), roles); err != nil {
			t.Fatal(err)
		}
	}
	projection := m.open(m.roleURL("orchestrix_projection", "orchestrix"))
	if err := postgres.NewViews(projection).Prepare(t.Context(), core.ViewSpec{Name: "orders", Version: 1}); err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(matrixRows, ";") {
		m.exec(statement)
	}
	if err := db.CloseOtherDatabases(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *matrix) open(dsn string) *postgres.DB {
	m.t.Helper()
	db, err := postgres.Connect(dsn, postgres.Options{Conns: 2})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(db.Close)
	return db
}

func (m *matrix) exec(statements string) {
	m.t.Helper()
	if _, err := m.admin.Exec(m.t.Context(), statements); err != nil {
		m.t.Fatal(err)
	}
}

func (m *matrix) roleURL(role, database string) string {
	u := *m.url
	u.User, u.Path = url.UserPassword(role, matrixPassword), "/"+database
	return u.String()
}

func (m *matrix) connect(role, database string) *pgx.Conn {
	m.t.Helper()
	conn, err := pgx.Connect(m.t.Context(), m.roleURL(role, database))
	if err != nil {
		m.t.Fatalf("%s: %v", role, err)
	}
	m.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// differences tries all rights, and returns the cells that are not as the matrix says.
func (m *matrix) differences() (found []string) {
	m.t.Helper()
	lines := strings.Split(strings.TrimSpace(postgresMatrix), "\n")
	roles := strings.Fields(lines[0])
	conns := make([]*pgx.Conn, len(roles))
	for i, role := range roles {
		conns[i] = m.connect("orchestrix_"+role, "orchestrix")
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(roles)+1 || postgresAttempts[cells[0]] == nil {
			m.t.Fatalf("malformed line: %s", line)
		}
		for i, role := range roles {
			got := ""
			for _, right := range []string{"s", "i", "u", "d", "x"} {
				if statement := postgresAttempts[cells[0]][right]; statement != "" && m.may(conns[i], role, cells[0], statement) {
					got += right
				}
			}
			if want := strings.Trim(cells[i+1], "-"); got != want {
				found = append(found, fmt.Sprintf("%s, %s: may %q, not %q", role, cells[0], got, want))
			}
		}
	}
	return found
}

// may reports whether Postgres allows a statement, which it undoes.
func (m *matrix) may(conn *pgx.Conn, role, cell, statement string) bool {
	m.t.Helper()
	var err error
	if cell == "database/other" {
		var other *pgx.Conn
		if other, err = pgx.Connect(m.t.Context(), m.roleURL("orchestrix_"+role, "elsewhere")); err == nil {
			err = other.Close(m.t.Context())
		}
	} else {
		_, err = conn.Exec(m.t.Context(), "begin; "+statement)
		if _, rollback := conn.Exec(m.t.Context(), "rollback"); rollback != nil {
			m.t.Fatal(rollback)
		}
	}
	var pg *pgconn.PgError
	if err == nil || errors.As(err, &pg) && slices.Contains([]string{"23505", "0A000"}, pg.Code) { // the rights allowed it
		return true
	}
	if pg == nil || pg.Code != "42501" {
		m.t.Fatalf("%s: %s: %v", role, statement, err)
	}
	return false
}
