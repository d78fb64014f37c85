package postgres_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// A password is rotated while a pool is open: the file gets the new password before the old one, then Postgres, and then the file
// loses the old one. Every new connection is accepted.
func TestAPasswordIsRotated(t *testing.T) {
	r := newRole(t)
	rights := postgres.Rights{ReadLog: true}
	r.setRights("old", rights)
	file := filepath.Join(t.TempDir(), "pgpass")
	write := func(passwords ...string) {
		t.Helper()
		text := "# written by a test\nother:*:*:" + r.name + ":wrong\n"
		for _, password := range passwords {
			text += "*:*:*:" + r.name + ":" + password + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	t.Setenv("PGPASSFILE", file)
	dsn := r.dsn
	dsn.User = url.User(r.name)
	for name, address := range map[string]string{"PGPASSFILE": dsn.String(), "passfile": withPassfile(dsn, file)} {
		t.Run(name, func(t *testing.T) {
			if name == "passfile" {
				t.Setenv("PGPASSFILE", "")
			}
			r.setRights("old", rights)
			write("old")
			db := connect(t, address)
			wantAccess := func(step string, want bool) {
				t.Helper()
				db.Pool().Reset()
				if err := db.Ping(t.Context()); (err == nil) != want {
					t.Errorf("%s: %v", step, err)
				}
			}
			wantAccess("at the start", true)
			write("new", "old")
			wantAccess("after the file", true)
			r.setRights("new", rights)
			wantAccess("after Postgres", true)
			write("new")
			wantAccess("without the old line", true)
			write("old")
			wantAccess("with the old line alone", false)
		})
	}
}

func withPassfile(dsn url.URL, file string) string {
	query := dsn.Query()
	query.Set("passfile", file)
	dsn.RawQuery = query.Encode()
	return dsn.String()
}
