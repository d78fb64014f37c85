package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// roleTest is a role of one test, in a migrated database.
type roleTest struct {
	t     *testing.T
	db    *postgres.DB
	name  string
	dsn   url.URL
	admin string // URL for the superuser
}

func newRole(t *testing.T) *roleTest {
	t.Helper()
	dsn := localtest.Postgres(t)
	db := connect(t, dsn)
	var may bool
	if err := db.Pool().QueryRow(t.Context(), "select rolsuper from pg_roles where rolname = current_user").Scan(&may); err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(dsn)
	if err != nil || parsed.Host == "" || !may {
		t.Skip("the user of DATABASE_URL is no superuser, or it is no URL")
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := "t_" + strings.ToLower(rand.Text()[:10])
	r := &roleTest{t: t, db: db, name: name, dsn: *parsed, admin: dsn}
	t.Cleanup(func() {
		ctx := context.Background()
		conn := connect(t, dsn)
		if _, err := conn.Pool().Exec(ctx, fmt.Sprintf("reassign owned by %[1]s to current_user; drop owned by %[1]s cascade; drop role %[1]s", name)); err != nil {
			t.Error(err)
		}
	})
	return r
}

// setRights gives the role a password and exactly these rights.
func (r *roleTest) setRights(password string, rights postgres.Rights) {
	r.t.Helper()
	for range 2 { // the second call changes nothing
		if err := r.db.SetRoles(r.t.Context(), []postgres.Role{{Name: r.name, Password: password, Rights: rights}}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// connect connects as the role.
func (r *roleTest) connect(password string) *postgres.DB {
	r.t.Helper()
	r.dsn.User = url.UserPassword(r.name, password)
	return connect(r.t, r.dsn.String())
}

// exec runs a statement as the role.
func (r *roleTest) exec(password, statement string) error {
	r.t.Helper()
	_, err := r.connect(password).Pool().Exec(r.t.Context(), statement)
	return err
}

func TestARoleHasExactlyItsRights(t *testing.T) {
	t.Parallel()
	role := newRole(t)
	const password = `p'a"ss\`
	const read, write = "select * from orchestrix.snapshots", "update orchestrix.snapshots set version = 1"

	role.setRights(password, postgres.Rights{ReadSnapshots: true, WriteSnapshots: true})
	if err := role.exec(password, read+";"+write); err != nil {
		t.Errorf("with all rights: %v", err)
	}
	verifier, err := postgres.Verifier(password)
	if err != nil {
		t.Fatal(err)
	}
	role.setRights(verifier, postgres.Rights{ReadSnapshots: true})
	if err := role.exec(password, read); err != nil {
		t.Errorf("with the right to read: %v", err)
	}
	if err := role.exec(password, write); err == nil {
		t.Error("a revoked right is still granted")
	}
	role.setRights("another", postgres.Rights{})
	if err := role.exec("another", read); err == nil {
		t.Error("the revoked right to read is still granted")
	}
}

// A role that may write one view gets an error when it changes a row of another.
func TestARoleWritesOnlyItsView(t *testing.T) {
	t.Parallel()
	role := newRole(t)
	const password = "secret"
	const insert = "insert into orchestrix.checkpoints (view, version, rebuild, partition) values ('%s', 1, 0, 0)"
	if _, err := role.db.Pool().Exec(t.Context(), fmt.Sprintf(insert, "another")); err != nil {
		t.Fatal(err)
	}

	role.setRights(password, postgres.Rights{WriteViews: true, OnlyView: "it's mine"})
	for _, statement := range []string{
		fmt.Sprintf(insert, "it''s mine"), "update orchestrix.checkpoints set position = 7 where view = 'it''s mine'",
		"delete from orchestrix.checkpoints where view = 'it''s mine'", "insert into orchestrix.views values ('it''s mine', 1, 0)",
	} {
		if err := role.exec(password, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	refused := []string{
		fmt.Sprintf(insert, "a third"), "update orchestrix.checkpoints set position = 7", "delete from orchestrix.checkpoints",
		"update orchestrix.checkpoints set view = 'it''s mine'", "update orchestrix.views set name = 'a third'",
		"insert into orchestrix.view_builds (view, version, rebuild, fields, shared) values ('a third', 1, 0, '[]', false)",
	}
	for _, statement := range refused {
		if err := role.exec(password, statement); err == nil || !strings.Contains(err.Error(), "may change rows of view it's mine alone") {
			t.Errorf("%s: %v, want an error that names the view", statement, err)
		}
	}
	role.setRights(password, postgres.Rights{WriteViews: true})
	for _, statement := range refused {
		if err := role.exec(password, statement); err != nil {
			t.Errorf("with all views: %s: %v", statement, err)
		}
	}
}

// A hosted Postgres gives no user the rights of a superuser: the owner of the database with the right to create roles is enough.
func TestTheOwnerSetsRoles(t *testing.T) {
	t.Parallel()
	owner := newRole(t)
	service := "t_" + strings.ToLower(rand.Text()[:10])
	exec(t, owner.db, fmt.Sprintf(`drop schema orchestrix, orchestrix_views cascade; create role %[1]s login createrole password 'secret';
		do $$ begin execute format('alter database %%I owner to %[1]s', current_database()); end $$`, owner.name))
	db := owner.connect("secret")
	t.Cleanup(func() {
		_, err := connect(t, owner.admin).Pool().Exec(context.Background(), fmt.Sprintf("drop owned by %[1]s cascade; drop role %[1]s", service))
		if err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	roles := []postgres.Role{
		{Name: service, Password: "secret", Rights: postgres.Rights{WriteViews: true, ReadViews: true}},
		{Name: "t_monitor", Password: "secret", Rights: postgres.Rights{Monitor: true}}, // it may not grant that
	}
	for range 2 {
		if err := db.SetRoles(t.Context(), roles); err != nil {
			t.Fatal(err)
		}
	}
	owner.name = service
	if err := postgres.NewViews(owner.connect("secret")).Prepare(t.Context(), core.ViewSpec{Name: "v", Version: 1}); err != nil {
		t.Error(err)
	}
}

// Only the owner can close the database to other roles.
func TestWhoDoesNotOwnTheDatabaseSetsNoRoles(t *testing.T) {
	t.Parallel()
	role := newRole(t)
	role.setRights("secret", postgres.Rights{})
	err := role.connect("secret").SetRoles(t.Context(), []postgres.Role{{Name: "t_none", Password: "secret"}})
	if err == nil || !strings.Contains(err.Error(), "as the owner of the database") {
		t.Errorf("got %v", err)
	}
}

func TestInvalidPasswords(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "a b", "pässword", "a\n"} {
		if _, err := postgres.Verifier(password); err == nil {
			t.Errorf("%q is accepted", password)
		}
	}
	db := connect(t, localtest.Postgres(t))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := db.SetRoles(t.Context(), []postgres.Role{{Name: "t_secretive", Password: "geh eim"}})
	if err == nil || strings.Contains(err.Error(), "geh eim") {
		t.Errorf("got %v", err)
	}
}
