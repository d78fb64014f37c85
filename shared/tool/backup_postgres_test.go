package tool

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// The log in Postgres is restored by the owner of the database. An operator may not write events, nor mark the log as being restored.
func TestTheOwnerRestoresIntoPostgres(t *testing.T) {
	t.Parallel()
	server, err := local.StartPostgres(t.Context(), local.PostgresOptions{Dir: filepath.Join(localtest.Dir(t), "server")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	owner := server.URL()
	begin := func(databaseURL string) error {
		target := logFlags{dev: &devFinder{program: "orchestrix"}, kind: "postgres", databaseURL: databaseURL}
		log, closeLog, err := target.create(t.Context(), 1, 1)
		if err != nil {
			return err
		}
		defer closeLog()
		_, err = log.BeginRestore(t.Context(), "a backup", false)
		return err
	}
	if err := begin(owner); err != nil {
		t.Fatalf("as the owner: %v", err)
	}
	db, err := postgres.Connect(owner, postgres.Options{Conns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const name, password = "operator_who_restores", "secret"
	for _, user := range (platform.Deployment{Registry: core.NewRegistry(), Partitions: 1}).Users() {
		if user.Name == platform.OperatorUser {
			if err := db.SetRoles(t.Context(), []postgres.Role{{Name: name, Password: password, Rights: user.Postgres}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	operator, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	operator.User = url.UserPassword(name, password)
	if err := begin(operator.String()); err == nil || !strings.Contains(err.Error(), "as the owner of the database") {
		t.Errorf("as an operator: %v", err)
	}
}
