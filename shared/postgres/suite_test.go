package postgres_test

import (
	"context"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

func TestMain(m *testing.M) { localtest.Main(m) }

// migrated returns the connection string of a database with our tables.
func migrated(t testing.TB) string {
	t.Helper()
	return localtest.Template(t, "orchestrix", func(dsn string) error {
		db, err := postgres.Connect(dsn, postgres.Options{})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
}

func connect(t testing.TB, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Connect(dsn, postgres.Options{Conns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestViews(t *testing.T) {
	t.Parallel()
	porttest.Views(t, func(t testing.TB) port.ViewStore { return postgres.NewViews(connect(t, migrated(t))) })
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	porttest.Snapshots(t, func(t testing.TB) port.Snapshots { return postgres.NewSnapshots(connect(t, migrated(t)), nil) })
}
