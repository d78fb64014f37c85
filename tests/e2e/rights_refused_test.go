package e2e

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
)

// checkNATS tries the operations that NATS must refuse, and an allowed one to show that the check can tell them apart.
func (p *lockedPlatform) checkNATS(t *testing.T) {
	if logInPostgres() {
		t.Skip("the log is in Postgres")
	}
	const api = "orx.api."
	everybody := []string{
		"$JS.API.STREAM.INFO.ORX_EVENTS_0", api + "STREAM.PURGE.ORX_EVENTS_0", api + "STREAM.DELETE.ORX_EVENTS_0", api + "STREAM.MSG.DELETE.ORX_EVENTS_0",
		api + "STREAM.UPDATE.ORX_EVENTS_0", api + "STREAM.CREATE.MINE", api + "STREAM.DELETE.ORX_READY",
		api + "STREAM.PURGE.ORX_COMMANDS", api + "STREAM.DELETE.ORX_COMMANDS", api + "STREAM.MSG.DELETE.ORX_COMMANDS", api + "STREAM.PURGE.ORX_DEAD_LETTERS",
		api + "CONSUMER.DURABLE.CREATE.ORX_EVENTS_0.mine", api + "CONSUMER.CREATE.ORX_EVENTS_0", api + "SERVER.REMOVE", "$SYS.REQ.SERVER.PING", "$JSC.R.x", "elsewhere",
		"orx.evt.0.default.order.forged",
	}
	const order = "orx.cmd.0.process.default.order.forged.place"
	const create, consume = api + "STREAM.CREATE.ORX_EVENTS_0", api + "CONSUMER.CREATE.ORX_EVENTS_0.mine"
	for user, test := range map[string]struct{ may, mayNot []string }{
		"command":    {nil, []string{consume, create, "_INBOX_query.x"}},
		"projection": {[]string{consume}, []string{order, create}},
		"process":    {[]string{consume}, []string{create, "orx.dead.cmd.x.0.shop.default.order.1.place", api + "STREAM.PURGE.ORX_OUTCOMES", api + "STREAM.DELETE.ORX_DEADLINES"}},
		"query":      {nil, []string{order, create, consume}},
		"migrate":    {[]string{create}, []string{order, consume}},
		"operator":   {[]string{consume}, []string{order, create}},
	} {
		conn := p.natsAs(t, user)
		for _, subject := range append(test.may, "orx.ready."+user) {
			if err := conn.publish(subject); err != nil {
				t.Errorf("%s publishes to %s: %v", user, subject, err)
			}
		}
		for _, subject := range append(test.mayNot, everybody...) {
			if err := conn.publish(subject); err == nil {
				t.Errorf("%s may publish to %s", user, subject)
			}
		}
		for _, subject := range []string{">", "orx.>", "orx.evt.>", "_INBOX.>", "_INBOX_other.>", "$JS.>", "$SYS.>"} {
			if err := conn.subscribe(subject); err == nil {
				t.Errorf("%s may listen to %s", user, subject)
			}
		}
		if err := conn.subscribe("_INBOX_" + user + ".x"); err != nil {
			t.Errorf("%s listens to its answers: %v", user, err)
		}
	}
	p.checkStrangers(t)
}

// checkAnswers asks NATS to publish its answer to a reader into the log: the answer stays in the account of the reader.
func (p *lockedPlatform) checkAnswers(t *testing.T) {
	if logInPostgres() {
		t.Skip("the log is in Postgres")
	}
	reader := p.natsAs(t, "query")
	const request = "orx.api.STREAM.INFO.ORX_EVENTS_0"
	if err := reader.PublishRequest(request, "orx.evt.0.default.order.forged", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Request(request, nil, patience); err != nil { // its answer follows the other one
		t.Fatal(err)
	}
	p.as("operator", "verify", "--log-only")
}

// checkStrangers tries to connect without a key, without TLS, and to a server with the certificate of another authority.
func (p *lockedPlatform) checkStrangers(t *testing.T) {
	ca := nats.RootCAs(filepath.Join(p.keys, "ca.crt"))
	if conn, err := nats.Connect(p.natsURL, ca); !errors.Is(err, nats.ErrAuthorization) {
		conn.Close()
		t.Errorf("a client without a key gets %v", err)
	}
	key, err := nats.NkeyOptionFromSeed(filepath.Join(p.keys, "command", "nats.nk"))
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := nats.Connect(p.natsURL, key); err == nil {
		conn.Close()
		t.Error("without our authority, the server is trusted")
	}
	other := filepath.Join(t.TempDir(), "other")
	tool(t, "keys", "init", other)
	if conn, err := nats.Connect(p.natsURL, nats.RootCAs(filepath.Join(other, "ca.crt")), key); err == nil {
		conn.Close()
		t.Error("another authority vouches for the server")
	}
}

// natsUser is a connection that reports the refusals of the server.
type natsUser struct{ *nats.Conn }

func (p *lockedPlatform) natsAs(t *testing.T, user string) natsUser {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(filepath.Join(p.keys, user, "nats.nk"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(p.natsURL, key, nats.RootCAs(filepath.Join(p.keys, user, "ca.crt")), nats.Timeout(patience),
		nats.CustomInboxPrefix("_INBOX_"+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	t.Cleanup(conn.Close)
	return natsUser{conn}
}

// refused returns the server's refusal of a subject. The server answers in order, so after a round trip it has arrived.
func (u natsUser) refused(subject string) error {
	if err := u.FlushTimeout(patience); err != nil {
		return err
	}
	if err := u.LastError(); err != nil && strings.Contains(err.Error(), strconv.Quote(subject)) {
		return err
	}
	return nil
}

func (u natsUser) publish(subject string) error {
	if err := u.Publish(subject, []byte("{}")); err != nil {
		return err
	}
	return u.refused(subject)
}

func (u natsUser) subscribe(subject string) error {
	s, err := u.SubscribeSync(subject)
	if err != nil {
		return err
	}
	err = u.refused(subject)
	_ = s.Unsubscribe() // the server has not kept a refused subscription
	return err
}

// checkPostgres tries the statements that Postgres must refuse.
func (p *lockedPlatform) checkPostgres(t *testing.T) {
	everybody := []string{
		"create table public.mine (n int)", "create role mine", "drop table orchestrix.snapshots", "drop schema orchestrix cascade",
		"delete from orchestrix.migrations", "truncate orchestrix.checkpoints", "update orchestrix.log_commits set version = 1",
		"delete from orchestrix.log_commits", "alter table orchestrix.views add column n int", "delete from orchestrix.snapshots",
		"select * from orchestrix.entries", "select rolpassword from pg_authid", "copy orchestrix.snapshots to program 'cat'",
	}
	const readView, writeView = `select * from orchestrix_views."view_order-summary_v1"`, `delete from orchestrix_views."view_order-summary_v1"`
	for user, test := range map[string]struct{ may, mayNot []string }{
		"command": {
			[]string{"select * from orchestrix.snapshots"},
			[]string{readView, writeView, "select * from orchestrix.checkpoints", "create table orchestrix.mine (n int)"},
		},
		"projection": {
			[]string{readView, "create table orchestrix_views.view_mine_v1 (n int)"},
			[]string{"select * from orchestrix.snapshots", "create table orchestrix.mine (n int)", "delete from orchestrix.actions", "insert into orchestrix.log_commits default values"},
		},
		"process": {
			[]string{readView, "select * from orchestrix.checkpoints"},
			[]string{
				writeView, "insert into orchestrix.log_commits default values", "update orchestrix.checkpoints set position = 0",
				"delete from orchestrix.view_builds where view = 'order-summary'",
				"create table orchestrix_views.mine (n int)", "create table orchestrix.mine (n int)", "create temporary table mine (n int)",
			},
		},
		"query": {
			[]string{readView, "select * from orchestrix.snapshots"},
			[]string{
				writeView, "update orchestrix.snapshots set version = 1", "update orchestrix.checkpoints set position = 0",
				"select * from orchestrix.parked", "create table orchestrix.mine (n int)", "insert into orchestrix.log_commits default values",
				"delete from orchestrix.views",
			},
		},
		"operator": {[]string{readView}, []string{writeView, "update orchestrix.checkpoints set position = 0", "create table orchestrix.mine (n int)"}},
	} {
		for _, statement := range test.may {
			if err := p.runSQL(t, user, statement); err != nil {
				t.Errorf("%s: %s: %v", user, statement, err)
			}
		}
		for _, statement := range append(test.mayNot, everybody...) {
			var refused *pgconn.PgError
			if err := p.runSQL(t, user, statement); !errors.As(err, &refused) || refused.Code != "42501" {
				t.Errorf("%s: %s is answered with %v", user, statement, err)
			}
		}
	}
}

func (p *lockedPlatform) runSQL(t *testing.T, user, statement string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.roleURL(user))
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement)
	return err
}
