package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"orchestrix/shared/local/localtest"
	"orchestrix/shared/postgres"
)

func TestARoleHasExactlyItsRights(t *testing.T) {
	t.Parallel()
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
	name, password := "t_"+strings.ToLower(rand.Text()[:10]), `p'a"ss\`
	t.Cleanup(func() {
		ctx := context.Background()
		conn := connect(t, dsn)
		if _, err := conn.Pool().Exec(ctx, fmt.Sprintf("drop owned by %[1]s; drop role %[1]s", name)); err != nil {
			t.Error(err)
		}
	})
	parsed.User = url.UserPassword(name, password)
	as := func(statement string) error {
		role, err := postgres.Connect(parsed.String(), postgres.Options{Conns: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer role.Close()
		_, err = role.Pool().Exec(t.Context(), statement)
		return err
	}
	set := func(password string, rights postgres.Rights) {
		t.Helper()
		for range 2 { // the second changes nothing
			if err := db.SetRoles(t.Context(), []postgres.Role{{Name: name, Password: password, Rights: rights}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const read, write = "select * from orchestrix.snapshots", "update orchestrix.snapshots set version = 1"

	set(password, postgres.Rights{ReadSnapshots: true, WriteSnapshots: true})
	if err := as(read + ";" + write); err != nil {
		t.Errorf("with all rights: %v", err)
	}
	verifier, err := postgres.Verifier(password)
	if err != nil {
		t.Fatal(err)
	}
	set(verifier, postgres.Rights{ReadSnapshots: true})
	if err := as(read); err != nil {
		t.Errorf("with the right to read: %v", err)
	}
	if err := as(write); err == nil {
		t.Error("a right that is gone still counts")
	}
	set("another", postgres.Rights{})
	parsed.User = url.UserPassword(name, "another")
	if err := as(read); err == nil {
		t.Error("the right to read is gone, and still counts")
	}
}

func TestPasswordsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "a b", "pässword", "a\n"} {
		if _, err := postgres.Verifier(password); err == nil {
			t.Errorf("%q is taken", password)
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
