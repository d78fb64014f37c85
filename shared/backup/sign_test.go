package backup_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/orchestrix-go/orchestrix/shared/backup"
	"github.com/orchestrix-go/orchestrix/shared/memory"
)

func newKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// edit changes the text of a file.
func edit(t testing.TB, path string, change func(string) string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := change(string(before))
	if after == string(before) {
		t.Fatalf("%s is not changed", path)
	}
	if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// forge replaces a text in a segment, and mends the checksum in the manifest, as a thief of the directory can.
func forge(t testing.TB, dir string, m backup.Manifest, from, to string) {
	t.Helper()
	s := m.Partitions[0].Segments[0]
	edit(t, filepath.Join(dir, s.File), func(text string) string {
		compressed, err := gzip.NewReader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := io.ReadAll(compressed)
		if err != nil {
			t.Fatal(err)
		}
		var forged bytes.Buffer
		w := gzip.NewWriter(&forged)
		if _, err := w.Write(bytes.ReplaceAll(lines, []byte(from), []byte(to))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return forged.String()
	})
	data, err := os.ReadFile(filepath.Join(dir, s.File))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	edit(t, filepath.Join(dir, "manifest.json"), func(text string) string {
		return strings.ReplaceAll(text, s.SHA256, hex.EncodeToString(sum[:]))
	})
}

// Who can write into the directory of a backup can mend checksums, and can't sign.
func TestAChangedAmountIsFound(t *testing.T) {
	t.Parallel()
	public, private := newKey(t)
	other, _ := newKey(t)
	dir, log := t.TempDir(), memory.NewLog(1)
	appendThings(t, log, 2, 0, 6)
	r, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{SignKey: private})
	if err != nil {
		t.Fatal(err)
	}
	restore := func(o backup.RestoreOptions) error {
		_, err := backup.Restore(t.Context(), dir, memory.NewLog(1), o)
		return err
	}
	if err := restore(backup.RestoreOptions{VerifyKey: public}); err != nil {
		t.Errorf("the backup as it was written: %v", err)
	}
	if err := restore(backup.RestoreOptions{VerifyKey: other}); !errors.Is(err, backup.ErrForged) {
		t.Errorf("with the key of another: %v", err)
	}
	forge(t, dir, r.Manifest, `"n":3`, `"n":3000000`)
	if err := restore(backup.RestoreOptions{}); err != nil {
		t.Errorf("without a key, the forgery is not noticed: %v", err) // what the signature is for
	}
	for _, unsigned := range []bool{false, true} {
		if err := restore(backup.RestoreOptions{VerifyKey: public, Unsigned: unsigned}); !errors.Is(err, backup.ErrForged) {
			t.Errorf("a changed amount: %v", err)
		}
	}
	if _, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{SignKey: private}); !errors.Is(err, backup.ErrForged) {
		t.Errorf("the forgery would be signed by the next backup: %v", err)
	}
}

// A backup is continued with the key that signed it, and with no other: nothing of others gets a signature.
func TestASignedBackupIsContinued(t *testing.T) {
	t.Parallel()
	public, private := newKey(t)
	_, other := newKey(t)
	dir, log := t.TempDir(), memory.NewLog(2)
	for n := range 3 {
		appendThings(t, log, 3, n, n+1)
		if r, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{SignKey: private}); err != nil || r.Commits != 3 {
			t.Fatalf("run %d: %+v, %v", n, r, err)
		}
	}
	if _, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{SignKey: other}); !errors.Is(err, backup.ErrForged) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{}); err == nil || !strings.Contains(err.Error(), "give that key") {
		t.Errorf("without the key: %v", err)
	}
	target := memory.NewLog(1)
	if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{VerifyKey: public}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, target, log, 3)
}

// A backup of an older program has no signature: it is restored where that is asked for, and continued without a key.
func TestABackupOfFormat1(t *testing.T) {
	t.Parallel()
	public, private := newKey(t)
	dir, log := t.TempDir(), memory.NewLog(2)
	appendThings(t, log, 4, 0, 6)
	r := write(t, log, dir)
	type segment struct {
		File    string `json:"file"`
		First   uint64 `json:"first"`
		Last    uint64 `json:"last"`
		Commits int    `json:"commits"`
		SHA256  string `json:"sha256"`
	}
	type partition struct {
		Created  any       `json:"created"`
		Segments []segment `json:"segments"`
	}
	old := struct {
		Format     int         `json:"format"`
		Partitions []partition `json:"partitions"`
	}{Format: 1}
	for _, p := range r.Manifest.Partitions {
		segments := []segment{}
		for _, s := range p.Segments {
			segments = append(segments, segment{s.File, s.First, s.Last, s.Commits, s.SHA256})
		}
		old.Partitions = append(old.Partitions, partition{p.Created, segments})
	}
	edit(t, filepath.Join(dir, "manifest.json"), func(string) string {
		text, err := json.MarshalIndent(old, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	})
	if _, err := backup.Restore(t.Context(), dir, memory.NewLog(2), backup.RestoreOptions{VerifyKey: public}); !errors.Is(err, backup.ErrUnsigned) {
		t.Errorf("a backup without signature: %v", err)
	}
	if _, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{SignKey: private}); !errors.Is(err, backup.ErrUnsigned) {
		t.Errorf("what others may have written would be signed: %v", err)
	}
	appendThings(t, log, 4, 6, 7)
	if r := write(t, log, dir); r.Commits != 4 {
		t.Errorf("the next run: %+v", r)
	}
	target := memory.NewLog(3)
	if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{VerifyKey: public, Unsigned: true}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, target, log, 4)
}

// An encrypted backup is continued without the key that decrypts it, and restored only with that.
func TestAnEncryptedBackup(t *testing.T) {
	t.Parallel()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir, log := t.TempDir(), memory.NewLog(2)
	for n := range 2 {
		appendThings(t, log, 3, n, n+1)
		if r, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{Recipients: []age.Recipient{identity.Recipient()}}); err != nil || r.Commits != 3 {
			t.Fatalf("run %d: %+v, %v", n, r, err)
		}
	}
	for says, identities := range map[string][]age.Identity{"no identity": nil, "identity did not match any": {stranger}} {
		target := memory.NewLog(1)
		if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{Identities: identities}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
		if head, err := target.Head(t.Context(), 0); err != nil || head.Position.Sequence != 0 {
			t.Errorf("the log ends at %v, %v", head, err)
		}
	}
	target := memory.NewLog(1)
	if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{Identities: []age.Identity{identity}}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, target, log, 3)
}

func TestABackupIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	dir, log := filepath.Join(t.TempDir(), "backup"), memory.NewLog(1)
	appendThings(t, log, 1, 0, 3)
	write(t, log, dir)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKeysOfBackups(t *testing.T) {
	t.Parallel()
	private, public, err := backup.NewSignKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := backup.ParseSignKey(private)
	if err != nil {
		t.Fatal(err)
	}
	verify, err := backup.ParseVerifyKey(public)
	if err != nil || !verify.Equal(key.Public()) {
		t.Errorf("the public key is of another private key, %v", err)
	}
	if again, err := backup.PublicPEM(private); err != nil || string(again) != string(public) {
		t.Errorf("%s, %v", again, err)
	}
	for _, text := range []string{"", "secret", string(public)} {
		if _, err := backup.ParseSignKey([]byte(text)); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q is taken for a private key, or shown: %v", text, err)
		}
	}
	if _, err := backup.ParseVerifyKey(private); err == nil {
		t.Error("a private key is taken for a public one")
	}
}
