package postgres

import (
	"context"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgpassfile"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// loginRefused is the SQLSTATE for a wrong password.
const loginRefused = "28P01"

// login reads the password file and the certificates that a URL names again for each connection, so that they may be replaced
// while the pool is open.
type login struct{ url string }

// beforeConnect completes the configuration of a new connection. Where the password file has several lines for the role, it takes
// the first one that Postgres accepts: during a rotation, the new password stands before the old one, and Postgres knows one of
// them. Each is tried on a connection of its own, which costs a connection only during a rotation.
func (l login) beforeConnect(ctx context.Context, c *pgx.ConnConfig) error {
	fresh, err := pgxpool.ParseConfig(l.url)
	if err != nil || fresh.ConnConfig.Password == "" && c.Password != "" { // a file is missing: what was read before remains in use
		return nil
	}
	c.Password, c.TLSConfig, c.Fallbacks = fresh.ConnConfig.Password, fresh.ConnConfig.TLSConfig, fresh.ConnConfig.Fallbacks
	passwords := l.passwords(c)
	if len(passwords) < 2 || passwords[0] != c.Password { // a password of the URL or of PGPASSWORD is no line of the file
		return nil
	}
	for _, password := range passwords {
		trial := c.Copy()
		trial.Password, trial.Tracer = password, nil
		connection, err := pgx.ConnectConfig(ctx, trial)
		if err == nil {
			_ = connection.Close(ctx) // it has served its purpose
		}
		if !hasCode(err, loginRefused) { // accepted, or an error that the password is not the cause of
			c.Password = password
			return nil
		}
	}
	return nil // the connection reports the error
}

// passwords are the passwords of the lines of the password file that are for this connection.
func (l login) passwords(c *pgx.ConnConfig) (passwords []string) {
	file, err := pgpassfile.ReadPassfile(l.passfile())
	if err != nil {
		return nil
	}
	host := c.Host
	if len(host) > 0 && host[0] == '/' { // a directory of sockets
		host = "localhost"
	}
	fits := func(pattern, value string) bool { return pattern == "*" || pattern == value }
	for _, e := range file.Entries {
		if fits(e.Hostname, host) && fits(e.Port, strconv.Itoa(int(c.Port))) && fits(e.Database, c.Database) && fits(e.Username, c.User) &&
			!slices.Contains(passwords, e.Password) {
			passwords = append(passwords, e.Password)
		}
	}
	return passwords
}

var passfileKey = regexp.MustCompile(`(?:^|\s)passfile\s*=\s*(?:'([^']*)'|(\S+))`)

// passfile is the path of the password file: of the URL, or of PGPASSFILE.
func (l login) passfile() string {
	if parsed, err := url.Parse(l.url); err == nil && parsed.Scheme != "" {
		if file := parsed.Query().Get("passfile"); file != "" {
			return file
		}
	} else if m := passfileKey.FindStringSubmatch(l.url); m != nil {
		return m[1] + m[2]
	}
	return os.Getenv("PGPASSFILE")
}
