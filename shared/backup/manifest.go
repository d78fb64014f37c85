package backup

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Manifest lists the content of a backup.
type Manifest struct {
	Written    time.Time   `json:"written,omitzero"` // when the newest segment was added; zero in format 1
	Partitions []Partition `json:"partitions"`
}

// Partition is one partition of the log.
type Partition struct {
	Created  time.Time `json:"created"` // creation time of the log's partition, which identifies the log
	Segments []Segment `json:"segments"`
}

// Segment is one file: JSON lines, compressed by gzip, perhaps encrypted by age.
type Segment struct {
	File       string `json:"file"`
	First      uint64 `json:"first"` // sequence of the first commit
	Last       uint64 `json:"last"`
	Commits    int    `json:"commits"`
	SHA256     string `json:"sha256"`                // of the file
	Encrypted  bool   `json:"encrypted,omitempty"`   // https://age-encryption.org/v1
	LastDigest []byte `json:"last_digest,omitempty"` // of the last commit: see [core.Commit.Digest]; nil for none, and in format 1
}

// Last is the sequence of the last commit in the backup of the partition, 0 if there is none.
func (p Partition) Last() uint64 {
	if len(p.Segments) == 0 {
		return 0
	}
	return p.Segments[len(p.Segments)-1].Last
}

// Commits is the number of commits in the backup.
func (m Manifest) Commits() (n uint64) {
	for _, p := range m.Partitions {
		for _, s := range p.Segments {
			n += uint64(s.Commits)
		}
	}
	return n
}

// id identifies the content of the backup: another one, or the same after it was continued, has another id.
func (m Manifest) id() string {
	hash := sha256.New()
	for _, p := range m.Partitions {
		fmt.Fprintln(hash, p.Created.UTC().Format(time.RFC3339Nano), p.Last())
	}
	return hex.EncodeToString(hash.Sum(nil))[:32]
}

const (
	manifestFile = "manifest.json"
	format       = 2
	// oldFormat has the fields of the manifest at the top, and no signature.
	oldFormat = 1
)

// ErrNoBackup means that a directory holds no backup.
var ErrNoBackup = errors.New("no backup")

// envelope is the content of the manifest's file.
type envelope struct {
	Format    int             `json:"format"`
	Signature *signature      `json:"signature,omitempty"` // of Manifest
	Manifest  json.RawMessage `json:"manifest"`
}

// signedManifest is a manifest as it was read, with its signature.
type signedManifest struct {
	Manifest
	raw       json.RawMessage
	signature *signature // nil: none
}

// ReadManifest reads the manifest in a directory, and does not verify its signature. It returns [ErrNoBackup].
func ReadManifest(dir string) (Manifest, error) {
	read, err := readManifest(dir)
	return read.Manifest, err
}

func readManifest(dir string) (signedManifest, error) {
	path := filepath.Join(dir, manifestFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return signedManifest{}, fmt.Errorf("%w: %s has no %s", ErrNoBackup, dir, manifestFile)
	}
	if err != nil {
		return signedManifest{}, err
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return signedManifest{}, fmt.Errorf("%s: %w", path, err)
	}
	switch e.Format {
	case format:
	case oldFormat:
		e.Signature, e.Manifest = nil, data
	default:
		return signedManifest{}, fmt.Errorf("%s: its format is %d, this program reads the formats %d and %d", path, e.Format, oldFormat, format)
	}
	read := signedManifest{raw: e.Manifest, signature: e.Signature}
	if err := json.Unmarshal(e.Manifest, &read.Manifest); err != nil {
		return signedManifest{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(read.Partitions) == 0 {
		return signedManifest{}, fmt.Errorf("%s lists no partitions: it is not the manifest of a backup", path)
	}
	for _, p := range read.Partitions {
		for _, s := range p.Segments {
			if s.File != filepath.Base(s.File) {
				return signedManifest{}, fmt.Errorf("%s: the file %q of a segment is not in the directory", path, s.File)
			}
		}
	}
	return read, nil
}

// write replaces the manifest atomically, also in case of a power failure. It is signed if there is a key.
func (m Manifest) write(dir string, key ed25519.PrivateKey) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	e := envelope{Format: format, Manifest: raw}
	if key != nil {
		if e.Signature, err = signManifest(key, raw); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, manifestFile), func(f *os.File) error {
		_, err := f.Write(append(data, '\n'))
		return err
	})
}
