package tool

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
)

// A deployment gives the services command and process the key of a writer, whether the modules have something to append or not. The
// writer of a service that has nothing may publish nothing.
func TestAWriterWithoutStreamsPublishesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys") // of a program without modules
	keys(t, "init", dir)
	options, err := server.ProcessConfigFile(filepath.Join(dir, "nats", "auth.conf"))
	if err != nil {
		t.Fatal(err)
	}
	files := readAll(t, dir)
	for _, service := range []string{"command", "process"} {
		public := publicKey(t, files[service+"/writer.nk"])
		user := slices.IndexFunc(options.Nkeys, func(u *server.NkeyUser) bool { return u.Nkey == public })
		if user < 0 {
			t.Fatalf("NATS does not know the writer of %s", service)
		}
		if p := options.Nkeys[user].Permissions.Publish; len(p.Allow) > 0 || !slices.Equal(p.Deny, []string{">"}) {
			t.Errorf("the writer of %s may publish %v, but not %v", service, p.Allow, p.Deny)
		}
	}

	dir = filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir, "--credentials")
	files = readAll(t, dir)
	for _, service := range []string{"command", "process"} {
		token, err := jwt.ParseDecoratedJWT([]byte(strings.TrimSpace(files[service+"/writer.creds"])))
		if err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		claims, err := jwt.DecodeUserClaims(token)
		if err != nil {
			t.Fatal(err)
		}
		if len(claims.Pub.Allow) > 0 || !slices.Equal(claims.Pub.Deny, []string{">"}) {
			t.Errorf("the writer of %s may publish %v, but not %v", service, claims.Pub.Allow, claims.Pub.Deny)
		}
	}
}
