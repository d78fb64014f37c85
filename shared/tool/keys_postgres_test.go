package tool

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

func TestEachWriterOfSnapshotsHasItsOwnKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	files := readAll(t, dir)
	command, process := files["command/snapshot.keys"], files["process/snapshot.keys"]
	if !strings.HasPrefix(command, "command-") || !strings.HasPrefix(process, "process-") || files["query/snapshot.keys"] != command+process {
		t.Error("the query service does not have the keys of both writers, each under the name of its writer")
	}
	for _, service := range []string{"command", "process", "query"} {
		if _, err := postgres.ReadKeyring(filepath.Join(dir, service, "snapshot.keys")); err != nil {
			t.Error(err)
		}
	}
	for file, content := range files {
		if !strings.HasSuffix(file, "snapshot.keys") && (strings.Contains(content, strings.TrimSpace(command)) || strings.Contains(content, strings.TrimSpace(process))) {
			t.Errorf("%s holds a key of snapshots", file)
		}
	}
	keys(t, "renew", dir)
	if readAll(t, dir)["command/snapshot.keys"] != command {
		t.Error("renewing has replaced a key of snapshots")
	}
}

func TestTheCertificateOfPostgres(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir, "--postgres-host", "db,10.0.0.7")
	files := readAll(t, dir)
	pair, err := tls.X509KeyPair([]byte(files["postgres/tls.crt"]), []byte(files["postgres/tls.key"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"command", "projection", "query", "process", "migrate", "operator", "monitor"} {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(files[user+"/ca.crt"]))
		forClients := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := pair.Leaf.Verify(forClients); err == nil {
			t.Error("with the certificate of Postgres, its owner joins the cluster of NATS as a node")
		}
		for host, valid := range map[string]bool{"db": true, "10.0.0.7": true, "nats": false} {
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); (err == nil) != valid {
				t.Errorf("%s: for %s: %v", user, host, err)
			}
		}
	}
}
