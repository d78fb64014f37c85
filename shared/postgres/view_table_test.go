package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// A table that another role created, or gave a trigger, is not taken for the table of a build. Once it is gone, the view is
// built.
func TestTablesOfStrangersAreNotAdopted(t *testing.T) {
	t.Parallel()
	writer := newRole(t)
	writer.setRights("secret", postgres.Rights{WriteViews: true})
	prepare := func() error {
		return postgres.NewViews(writer.connect("secret")).Prepare(t.Context(), core.ViewSpec{Name: "v", Version: 1})
	}
	for what, create := range map[string]string{
		"another owner": `create table orchestrix_views.view_v_v1 (tenant text, key text, partition integer, sequence bigint, data json)`,
		"a trigger": `create table orchestrix_views.view_v_v1 (like pg_class);
			create function public.steal() returns trigger language plpgsql as 'begin return new; end';
			create trigger steal before insert on orchestrix_views.view_v_v1 execute function public.steal();
			alter table orchestrix_views.view_v_v1 owner to ` + writer.name,
		"a view": `create view orchestrix_views.view_v_v1 as select 1 as n; alter table orchestrix_views.view_v_v1 owner to ` + writer.name,
	} {
		exec(t, writer.db, create)
		err := prepare()
		if err == nil || errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), "view_v_v1") || !strings.Contains(err.Error(), "drop it") {
			t.Errorf("%s: Prepare is %v", what, err)
		}
		err = writer.db.SetRoles(t.Context(), []postgres.Role{{Name: writer.name, Password: "secret", Rights: postgres.Rights{WriteViews: true}}})
		if what != "another owner" && (err == nil || !strings.Contains(err.Error(), "view_v_v1")) { // that owner is the one who migrates
			t.Errorf("%s: SetRoles is %v", what, err)
		}
		exec(t, writer.db, `drop owned by `+writer.name+`; drop table if exists orchestrix_views.view_v_v1; drop function if exists public.steal`)
		writer.setRights("secret", postgres.Rights{WriteViews: true})
	}
	if err := prepare(); err != nil {
		t.Errorf("without the table of a stranger: %v", err)
	}
}

// No role can make the others wait by a lock that each role may take.
func TestBuildsWaitForNoAdvisoryLock(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	hostile := connect(t, dsn)
	exec(t, hostile, "select pg_advisory_lock(5771203914)")
	var preparing sync.WaitGroup
	for range 4 {
		views := postgres.NewViews(connect(t, dsn))
		preparing.Go(func() {
			if err := views.Prepare(t.Context(), core.ViewSpec{Name: "v", Version: 1, Fields: []core.Field{{Name: "n", Kind: core.Number}}}); err != nil {
				t.Error(err)
			}
		})
	}
	preparing.Wait()
}
