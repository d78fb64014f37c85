package tool

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

const (
	// superuser is the first role of Postgres; migrate uses it.
	superuser = "orchestrix"
	// rolePrefix starts the names of the roles of the platform.
	rolePrefix = "orchestrix_"
)

// writeUsers writes the credentials of each user of NATS and Postgres, and the permissions that the two need.
func (k *keyDir) writeUsers(partitions int) error {
	ca, err := k.read(caCertFile)
	if err != nil {
		return err
	}
	var auth, roles bytes.Buffer
	fmt.Fprintf(&auth, "# Who may do what in NATS, written by '%s keys'. It holds no secret.\nauthorization {\n  timeout: 5\n  users: [\n", k.program)
	for _, user := range platform.Users(partitions) {
		key, err := k.nkey(user.Name + "/nats.nk")
		if err != nil {
			return err
		}
		writeNATSUser(&auth, user.Name, key, user.NATS)
		role, err := k.postgresUser(user)
		if err != nil {
			return err
		}
		roles.WriteString(role)
		if err := k.write(user.Name+"/"+caCertFile, ca, public); err != nil {
			return err
		}
	}
	auth.WriteString("  ]\n}\n")
	return errors.Join(k.writeAdminTokens(), k.write("nats/auth.conf", auth.Bytes(), public), k.write("migrate/roles", roles.Bytes(), private))
}

// nkey returns the public key of the seed in a file.
func (k *keyDir) nkey(file string) (string, error) {
	seed, err := k.secret(file, func() ([]byte, error) {
		pair, err := nkeys.CreateUser()
		if err != nil {
			return nil, err
		}
		return pair.Seed()
	})
	if err != nil {
		return "", err
	}
	pair, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return pair.PublicKey()
}

// writeNATSUser writes a user for NATS. All other subjects are denied.
func writeNATSUser(out *bytes.Buffer, name, publicKey string, rights jetstream.Rights) {
	fmt.Fprintf(out, "    { # %s\n      nkey: %s\n      permissions: {\n", name, publicKey)
	for _, list := range []struct {
		verb     string
		subjects []string
	}{{"publish", rights.Publish}, {"subscribe", rights.Subscribe}} {
		fmt.Fprintf(out, "        %s: { allow: [\n", list.verb)
		for _, subject := range list.subjects {
			fmt.Fprintf(out, "          %q\n", subject)
		}
		out.WriteString("        ] }\n")
	}
	out.WriteString("      }\n    }\n")
}

// postgresUser writes a user's password for Postgres, and returns the line that creates its role.
func (k *keyDir) postgresUser(user platform.User) (string, error) {
	if user.Name == platform.MigrateUser {
		password, err := k.secret("postgres/password", newPassword)
		if err != nil {
			return "", err
		}
		return "", k.write(user.Name+"/pgpass", pgpass(superuser, string(password)), private)
	}
	role := rolePrefix + user.Name
	line, err := k.secret(user.Name+"/pgpass", func() ([]byte, error) {
		password, err := newPassword()
		return pgpass(role, string(password)), err
	})
	if err != nil {
		return "", err
	}
	fields := strings.Split(strings.TrimSpace(string(line)), ":")
	verifier, err := postgres.Verifier(fields[len(fields)-1])
	return user.Name + ":" + role + ":" + verifier + "\n", err
}

func newPassword() ([]byte, error) { return []byte(rand.Text()), nil }

// pgpass returns a line of a password file: https://www.postgresql.org/docs/current/libpq-pgpass.html.
func pgpass(role, password string) []byte { return []byte("*:*:*:" + role + ":" + password + "\n") }
