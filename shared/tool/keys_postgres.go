package tool

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

const (
	// monitorRole may read the statistics of Postgres, and no table.
	monitorRole = "monitor"
	// snapshotKeys is the file with a service's keys of snapshots.
	snapshotKeys = "snapshot.keys"
)

// writePostgres writes the certificate of Postgres, the password of the role that monitors it, and the keys of snapshots, which
// Postgres does not know. Each of the services that write snapshots has a key of its own; the query service reads all of them.
func (k *keyDir) writePostgres(hosts []string, now time.Time, validity time.Duration) error {
	certPEM, certErr := k.read(caCertFile) // writeTLS has written it
	keyPEM, err := k.read(caKeyFile)
	if err = errors.Join(certErr, err); err != nil {
		return err
	}
	ca, err := parseAuthority(certPEM, keyPEM)
	if err != nil {
		return err
	}
	cert, key, err := ca.issue("postgres", hosts, now, validity, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	var all []byte
	for _, writer := range []string{platform.CommandUser, platform.ProcessUser} {
		keys, err := k.secret(writer+"/"+snapshotKeys, func() ([]byte, error) { return newSnapshotKey(writer), nil })
		if err != nil {
			return err
		}
		all = append(all, keys...)
	}
	return errors.Join(
		k.write("postgres/tls.key", key, private), k.write("postgres/tls.crt", cert, public), k.write("postgres/"+caCertFile, ca.pem, public),
		k.write(monitorRole+"/"+caCertFile, ca.pem, public), k.write(platform.QueryUser+"/"+snapshotKeys, all, private),
	)
}

// newSnapshotKey returns a line of a file of keys. Its id names the writer, and differs from that of an earlier key.
func newSnapshotKey(writer string) []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return []byte(writer + "-" + strings.ToLower(rand.Text()[:6]) + ":" + hex.EncodeToString(key) + "\n")
}

// monitorLine writes the password of the role that monitors, and returns the line that creates the role.
func (k *keyDir) monitorLine() (string, error) {
	password, err := k.secret(monitorRole+"/password", newPassword)
	if err != nil {
		return "", err
	}
	verifier, err := postgres.Verifier(strings.TrimSpace(string(password)))
	return monitorRole + ":" + rolePrefix + monitorRole + ":" + verifier + "\n", err
}
