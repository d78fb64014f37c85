package tool

import (
	"bytes"
	"crypto/rand"
	"strings"

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
func (k *keyDir) writeUsers(s keySettings, d platform.Deployment) error {
	ca, err := k.read(caCertFile)
	if err != nil {
		return err
	}
	users := d.Users()
	var roles bytes.Buffer
	for _, user := range users {
		if user.Absent {
			continue
		}
		if err := k.write(user.Name+"/"+caCertFile, ca, public); err != nil {
			return err
		}
		if user.NATSOnly {
			continue
		}
		role, err := k.postgresUser(user)
		if err != nil {
			return err
		}
		roles.WriteString(role)
	}
	if err := k.writeAdminTokens(); err != nil {
		return err
	}
	monitor, err := k.monitorLine()
	if err != nil {
		return err
	}
	roles.WriteString(monitor)
	if err := k.writeNATS(s, users); err != nil {
		return err
	}
	return k.write(lastKeyFile, roles.Bytes(), private)
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
	fields := strings.Split(passwordLines(line)[0], ":") // during a rotation, the new password is the first
	verifier, err := postgres.Verifier(fields[len(fields)-1])
	return user.Name + ":" + role + ":" + verifier + "\n", err
}

func newPassword() ([]byte, error) { return []byte(rand.Text()), nil }

// pgpass returns a line of a password file: https://www.postgresql.org/docs/current/libpq-pgpass.html.
func pgpass(role, password string) []byte { return []byte("*:*:*:" + role + ":" + password + "\n") }
