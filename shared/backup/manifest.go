package backup

import (
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
	Format     int         `json:"format"` // 1
	Partitions []Partition `json:"partitions"`
}

// Partition is one partition of the log.
type Partition struct {
	Created  time.Time `json:"created"` // creation time of the log's partition, which identifies the log
	Segments []Segment `json:"segments"`
}

// Segment is one file: JSON lines, compressed by gzip.
type Segment struct {
	File    string `json:"file"`
	First   uint64 `json:"first"` // sequence of the first commit
	Last    uint64 `json:"last"`
	Commits int    `json:"commits"`
	SHA256  string `json:"sha256"` // of the file
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
	format       = 1
)

// ErrNoBackup means that a directory holds no backup.
var ErrNoBackup = errors.New("no backup")

// ReadManifest reads the manifest in a directory. It returns [ErrNoBackup].
func ReadManifest(dir string) (Manifest, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%w: %s has no %s", ErrNoBackup, dir, manifestFile)
	}
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", filepath.Join(dir, manifestFile), err)
	}
	if m.Format != format || len(m.Partitions) == 0 {
		return Manifest{}, fmt.Errorf("%s: its format is %d, this program reads format %d", filepath.Join(dir, manifestFile), m.Format, format)
	}
	return m, nil
}

// write replaces the manifest atomically, also in case of a power failure.
func (m Manifest) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, manifestFile), func(f *os.File) error {
		_, err := f.Write(append(data, '\n'))
		return err
	})
}

// replaceFile writes a file path.part, syncs it, and renames it to path.
func replaceFile(path string, write func(*os.File) error) (err error) {
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
