package backup

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// A backup holds all data of the log: other users of the machine can't read it.
const (
	fileMode fs.FileMode = 0o600
	dirMode  fs.FileMode = 0o700
)

// MakeDir creates the directory of a backup, readable only for this user. An existing directory keeps its mode.
func MakeDir(dir string) error { return os.MkdirAll(dir, dirMode) }

// replaceFile writes a file path.part, syncs it, and renames it to path.
func replaceFile(path string, write func(*os.File) error) (err error) {
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	err = f.Chmod(fileMode) // an older file keeps its mode
	if err == nil {
		err = write(f)
	}
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

// encrypted returns a writer that encrypts for the recipients, if there are any. Closing it does not close to.
func encrypted(to io.Writer, recipients []age.Recipient) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return plain{to}, nil
	}
	return age.Encrypt(to, recipients...)
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// decrypted returns the content of a segment's file.
func (s Segment) decrypted(from io.Reader, identities []age.Identity) (io.Reader, error) {
	if !s.Encrypted {
		return bufio.NewReader(from), nil
	}
	if len(identities) == 0 {
		return nil, errNoIdentity
	}
	return age.Decrypt(bufio.NewReader(from), identities...)
}

var errNoIdentity = errors.New("the file is encrypted, and no identity to decrypt it was given")
