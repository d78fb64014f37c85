package rights

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// steal copies the files of a user, as a thief does.
func (in *installation) steal(t testing.TB, user string) *installation {
	t.Helper()
	thief := &installation{keys: t.TempDir(), credentials: in.credentials, urls: in.urls}
	if err := os.CopyFS(filepath.Join(thief.keys, user), os.DirFS(filepath.Join(in.keys, user))); err != nil {
		t.Fatal(err)
	}
	return thief
}

// logsIn tries the files of a user, of its writer and of itself, each without the other.
func (in *installation) logsIn(t testing.TB, user string) (self, writer bool) {
	t.Helper()
	try := func(nkey, creds string) bool {
		c := in.connections(user)
		c.NATSNKeyFile, c.NATSCredsFile, c.NATSWriterNKeyFile, c.NATSWriterCredsFile = nkey, creds, "", ""
		connection, err := platform.ConnectNATS(t.Context(), c, user, quiet)
		if err == nil {
			connection.Close()
		}
		return err == nil
	}
	c := in.connections(user)
	return try(c.NATSNKeyFile, c.NATSCredsFile), try(c.NATSWriterNKeyFile, c.NATSWriterCredsFile)
}

// The account of a user has signed its credentials, which hold where nothing revokes them: in copies too, after the files are gone.
func TestCopiesOfRemovedCredentialsAreWorthNothing(t *testing.T) {
	t.Parallel()
	in := install(t, 1, true, "--sender=crm")
	expect := func(when string, in *installation, user string, valid bool) {
		t.Helper()
		self, writer := in.logsIn(t, user)
		if self != valid || writer != valid && user != "crm" {
			t.Errorf("%s, %s logs in: %v, its writer: %v", when, user, self, writer)
		}
	}

	in.restore(t)
	restore := in.steal(t, platform.RestoreUser)
	expect("while a backup is restored", restore, platform.RestoreUser, true)
	orchestrix(t, "keys", "restore", "--done", in.keys)
	in.reload(t)
	expect("after the restore", restore, platform.RestoreUser, false)
	in.restore(t)
	expect("while another one is restored", restore, platform.RestoreUser, false)
	expect("while another one is restored, with the new files", in, platform.RestoreUser, true)

	command := in.steal(t, platform.CommandUser)
	orchestrix(t, "keys", "rotate", platform.CommandUser, in.keys)
	in.reload(t)
	expect("during a rotation", command, platform.CommandUser, true)
	expect("during a rotation, with the new files", in, platform.CommandUser, true)
	orchestrix(t, "keys", "rotate", "--finish", platform.CommandUser, in.keys)
	in.reload(t)
	expect("after a rotation", command, platform.CommandUser, false)
	expect("after a rotation, with the new files", in, platform.CommandUser, true)

	crm := in.steal(t, "crm")
	expect("before it is removed", crm, "crm", true)
	orchestrix(t, "keys", "renew", "--remove-sender=crm", in.keys)
	in.reload(t)
	expect("after it is removed", crm, "crm", false)
	orchestrix(t, "keys", "renew", "--sender=crm", in.keys)
	in.reload(t)
	expect("after another one got its name", crm, "crm", false)
	expect("after another one got its name, with the new files", in, "crm", true)
}
