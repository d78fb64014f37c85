package tool

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// readAll returns all files of a directory.
func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func keys(t *testing.T, args ...string) {
	t.Helper()
	if _, err := run(t, append([]string{"keys"}, args...)...); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreForTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	secrets := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content := []byte{}
		if !entry.IsDir() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		secret := bytes.Contains(content, []byte("PRIVATE KEY")) || bytes.HasPrefix(content, []byte("SU")) ||
			strings.HasSuffix(path, "admin.token") || strings.HasSuffix(path, "pgpass") || strings.HasSuffix(path, "password") || strings.HasSuffix(path, "roles") ||
			strings.HasSuffix(path, ".keys")
		if secret {
			secrets++
		}
		if (secret || entry.IsDir()) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if users := len(platform.Deployment{Registry: core.NewRegistry(), Partitions: 1}.Users()); err != nil || secrets != 2*users+15 { // two writer.nk, ca.key, two tls.key, two passwords, roles, three files of snapshot keys, sign.key, five tokens; the user restore has none
		t.Errorf("%d secrets, %v", secrets, err)
	}
}

func TestTheCertificateOfNATS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir, "--nats-host", "nats.example,*.nats.example,10.0.0.7", "--days", "30")
	files := readAll(t, dir)
	block, _ := pem.Decode([]byte(files["nats/tls.crt"]))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(files["command/ca.crt"])) {
		t.Fatal("the services get no authority")
	}
	for _, test := range []struct {
		host string
		use  x509.ExtKeyUsage
		at   time.Duration
		ok   bool
	}{
		{"nats.example", x509.ExtKeyUsageServerAuth, 0, true},
		{"nats-0.nats.example", x509.ExtKeyUsageServerAuth, 0, true},
		{"10.0.0.7", x509.ExtKeyUsageServerAuth, 0, true},
		{"nats.example", x509.ExtKeyUsageClientAuth, 29 * 24 * time.Hour, true}, // of one node to another
		{"nats.example", x509.ExtKeyUsageServerAuth, 31 * 24 * time.Hour, false},
		{"10.0.0.8", x509.ExtKeyUsageServerAuth, 0, false},
		{"example", x509.ExtKeyUsageServerAuth, 0, false},
	} {
		_, err := cert.Verify(x509.VerifyOptions{
			DNSName: test.host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{test.use}, CurrentTime: time.Now().Add(test.at),
		})
		if (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestMigrateLearnsNoPassword(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	files := readAll(t, dir)
	roles, err := readRoles(filepath.Join(dir, "migrate", "roles"))
	if err != nil || len(roles) != len(platform.Deployment{Registry: core.NewRegistry(), Partitions: 1}.Users())-1 { // migrate and restore have none, monitor has one
		t.Fatalf("%d roles, %v", len(roles), err)
	}
	for _, role := range roles {
		if role.Rights.Monitor {
			if !strings.HasPrefix(role.Password, "SCRAM-SHA-256$") || strings.Contains(files["migrate/roles"], files["monitor/password"]) {
				t.Error("migrate gets the password of the role that monitors")
			}
			continue
		}
		line := files[strings.TrimPrefix(role.Name, "orchestrix_")+"/pgpass"]
		head, password, _ := strings.Cut(strings.TrimSpace(line), ":"+role.Name+":")
		if head != "*:*:*" || len(password) < 20 {
			t.Errorf("role %s has the password file %q", role.Name, line)
		}
		if strings.Contains(files["migrate/roles"], password) || !strings.HasPrefix(role.Password, "SCRAM-SHA-256$") {
			t.Errorf("migrate gets the password of %s", role.Name)
		}
	}
}

func TestKeysAreNotReplacedByMistake(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := run(t, "keys", "renew", dir); err == nil || !strings.Contains(err.Error(), "keys init") {
		t.Errorf("renewing nothing: %v", err)
	}
	keys(t, "init", dir)
	first := readAll(t, dir)
	if _, err := run(t, "keys", "init", dir); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a second init: %v", err)
	}
	if len(changed(first, readAll(t, dir))) != 0 {
		t.Error("the init that was refused has changed something")
	}

	if err := os.RemoveAll(filepath.Join(dir, "operator")); err != nil { // as if an upgrade had brought a user
		t.Fatal(err)
	}
	keys(t, "renew", dir, "--nats-host", "moved")
	renewed := readAll(t, dir)
	for name := range changed(first, renewed) {
		switch name {
		case "postgres/tls.crt", "postgres/tls.key", "nats/tls.crt", "nats/tls.key", authFile, "migrate/roles", "operator/nats.nk", "operator/pgpass", "operator/admin.token",
			"command/admin.token", "projection/admin.token", "query/admin.token", "process/admin.token":
		default:
			t.Errorf("renewing has changed %s", name)
		}
	}
	if first["nats/tls.crt"] == renewed["nats/tls.crt"] || renewed["operator/nats.nk"] == "" {
		t.Error("renewing has made no certificate, or no key for a new user")
	}

	keys(t, "init", dir, "--force")
	if n := len(changed(renewed, readAll(t, dir))); n != len(renewed)-1 { // the settings are no secret
		t.Errorf("--force has replaced %d of %d files", n, len(renewed))
	}
}

// changed are the files that differ.
func changed(a, b map[string]string) map[string]bool {
	names := map[string]bool{}
	for _, files := range []map[string]string{a, b} {
		for name := range files {
			if a[name] != b[name] {
				names[name] = true
			}
		}
	}
	return names
}

func TestKeysRefuseWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for says, args := range map[string][]string{
		"--partitions is 0":  {"--partitions", "0"},
		"--partitions is -1": {"--partitions", "-1"},
		"--days is 0":        {"--days", "0"},
		"--owner is":         {"--owner", "root"},
		"--nats-host":        {"--nats-host", ""},
	} {
		_, err := run(t, append([]string{"keys", "init", filepath.Join(dir, says)}, args...)...)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", args, err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "keys", "init", file, "--force"); err == nil {
		t.Error("a file is taken for a directory")
	}
}

func TestComposeIsToldWhomTheKeysBelongTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := filepath.Join(dir, ".env")
	owner := fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	if os.Geteuid() == 0 { // no container should run as root
		owner = "65532:65532"
	}
	args := []string{"init", filepath.Join(dir, "keys"), "--env", env}
	keys(t, args...)
	content, err := os.ReadFile(env)
	if err != nil || !strings.Contains(string(content), "\nORCHESTRIX_USER="+owner+"\n") {
		t.Errorf("%s, %v", content, err)
	}
	if err := os.WriteFile(env, []byte("MINE=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys(t, append(args, "--force")...)
	if content, _ := os.ReadFile(env); string(content) != "MINE=1\n" {
		t.Errorf("what was there has become %s", content)
	}
}

func TestRolesThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"command:orchestrix_command":        "line 1 is not SERVICE:ROLE:PASSWORD",
		"command:a:b\nbilling:a:b":          `line 2: "billing" is not a service`,
		"migrate:orchestrix:secret-of-mine": `"migrate" is not a service`,
	} {
		file := filepath.Join(t.TempDir(), "roles")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readRoles(file)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret-of-mine") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A service can check the token of the operator, and can't send it.
func TestServicesKnowOnlyTheDigestOfTheOperatorsToken(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	own := filepath.Join(dir, "operator", adminTokenFile)
	tokens, err := adminapi.TokenFile(own)()
	if err != nil || len(tokens) != 1 || tokens[0].Name != "operator" || tokens[0].Secret == "" {
		t.Fatalf("%v, %v", tokens, err)
	}
	other := adminapi.NewToken("ada", "a-token-of-another-operator").Digest() + "\n"
	for _, service := range services {
		file := filepath.Join(dir, service, adminTokenFile)
		known, err := adminapi.TokenFile(file)()
		if err != nil || len(known) != 1 || known[0].Secret != "" || known[0].Digest() != tokens[0].Digest() {
			t.Errorf("%s knows %v, %v", service, known, err)
		}
		if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh := adminapi.NewToken("operator", "a-token-in-the-place-of-the-first")
	if err := os.WriteFile(own, []byte(fresh.String()+"\n"+tokens[0].String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys(t, "renew", dir)
	for _, service := range services {
		if text := readAll(t, dir)[service+"/"+adminTokenFile]; text != other+fresh.Digest()+"\n"+tokens[0].Digest()+"\n" {
			t.Errorf("%s knows %q, and not both tokens", service, text)
		}
	}
	if err := os.WriteFile(own, []byte(fresh.String()+"\n"), 0o600); err != nil { // the first one was replaced
		t.Fatal(err)
	}
	keys(t, "renew", dir)
	for _, service := range services {
		if text := readAll(t, dir)[service+"/"+adminTokenFile]; text != other+fresh.Digest()+"\n" {
			t.Errorf("after the renewal %s knows %q", service, text)
		}
	}
	if _, err := run(t, "deadlines", "--admin-url", "http://127.0.0.1:1", "--admin-token-file", filepath.Join(dir, "command", adminTokenFile)); err == nil || !strings.Contains(err.Error(), "name the file of an operator") {
		t.Errorf("a file with digests as that of an operator: %v", err)
	}
}
