package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

var (
	firstKey  = "command-1:" + strings.Repeat("1f", 32)
	secondKey = "command-2:" + strings.Repeat("2e", 32)
)

func keyFile(t testing.TB, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "snapshot.keys")
	writeKeys(t, file, lines...)
	return file
}

func writeKeys(t testing.TB, file string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func keyring(t testing.TB, file string) *postgres.Keyring {
	t.Helper()
	keys, err := postgres.ReadKeyring(file)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// A snapshot whose row was changed, and whose checksum was computed again, is accepted only where no keys are configured.
func TestAForgedSnapshotNeedsTheKey(t *testing.T) {
	t.Parallel()
	const forge = `update orchestrix.snapshots set state = '{"n":1000000}', key_id = '',
		mac = sha256(convert_to(E'default/thing/1\n7\n"s"\n{"n":1000000}', 'UTF8'))`
	db := connect(t, migrated(t))
	plain, keyed := postgres.NewSnapshots(db, nil), postgres.NewSnapshots(db, keyring(t, keyFile(t, firstKey)))

	saveSnapshot(t, plain)
	exec(t, db, forge)
	if got, err := plain.Load(t.Context(), someSnapshot.Stream, "s"); err != nil || string(got.State) != `{"n":1000000}` {
		t.Errorf("the attack does not work without keys either: %s, %v", got.State, err)
	}
	if got, err := keyed.Load(t.Context(), someSnapshot.Stream, "s"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("a snapshot without a key is accepted: %s, %v", got.State, err)
	}
	saveSnapshot(t, keyed) // it replaces one of the same version that has another key
	for _, attack := range []string{forge, strings.Replace(forge, "key_id = ''", "key_id = 'command-1'", 1), "update orchestrix.snapshots set state = '{}'"} {
		exec(t, db, attack)
		if got, err := keyed.Load(t.Context(), someSnapshot.Stream, "s"); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("%s: %s, %v", attack, got.State, err)
		}
	}
	if _, err := keyed.Load(t.Context(), someSnapshot.Stream, "s"); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a forged snapshot is reported as %v", err)
	}
}

func TestKeysOfSnapshotsAreReplacedWithoutAGap(t *testing.T) {
	t.Parallel()
	db, file := connect(t, migrated(t)), keyFile(t, "# the first", firstKey)
	old := keyring(t, file)
	saveSnapshot(t, postgres.NewSnapshots(db, old))

	rotated := keyring(t, keyFile(t, secondKey, firstKey))
	both := postgres.NewSnapshots(db, rotated)
	load := func(s *postgres.Snapshots) error {
		_, err := s.Load(t.Context(), someSnapshot.Stream, "s")
		return err
	}
	if err := load(both); err != nil {
		t.Errorf("the old key is not accepted: %v", err)
	}
	newer := someSnapshot
	newer.Version++
	if err := both.Save(t.Context(), []port.Snapshot{newer}); err != nil {
		t.Fatal(err)
	}
	if err := load(postgres.NewSnapshots(db, old)); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("the new key is not used: %v", err)
	}
	writeKeys(t, file, secondKey)
	if err := old.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := load(postgres.NewSnapshots(db, old)); err != nil {
		t.Errorf("the file was not read again: %v", err)
	}
	writeKeys(t, file, "broken")
	if err := old.Reload(); err == nil || load(postgres.NewSnapshots(db, old)) != nil {
		t.Errorf("after a broken file (%v) the keys are not those of before", err)
	}
}

func TestAKeyringThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	for content, says := range map[string]string{
		"":                                 "holds no key",
		"a:" + strings.Repeat("0", 62):     "line 1 is not ID:KEY",
		firstKey + "\nb " + secondKey:      "line 2 is not ID:KEY",
		":" + strings.Repeat("0", 64):      "line 1 is not ID:KEY",
		firstKey + "\n\n" + firstKey:       "line 3 repeats the id command-1",
		"a:" + strings.Repeat("secret", 9): "line 1 is not ID:KEY",
	} {
		_, err := postgres.ReadKeyring(keyFile(t, content))
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "1f1f") {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := postgres.ReadKeyring(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
