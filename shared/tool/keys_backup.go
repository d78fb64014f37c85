package tool

import (
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/backup"
)

// The keys of backups in the directory of keys.
const (
	signKeyFile   = "backup/sign.key"
	verifyKeyFile = "backup/sign.pub"
)

// writeBackupKeys writes the key that signs backups, unless it is kept, and its public key.
func (k *keyDir) writeBackupKeys() error {
	seed, err := k.secret(signKeyFile, func() ([]byte, error) {
		private, _, err := backup.NewSignKey()
		return private, err
	})
	if err != nil {
		return err
	}
	text, err := backup.PublicPEM(seed)
	if err != nil {
		return fmt.Errorf("%s: %w", signKeyFile, err)
	}
	return k.write(verifyKeyFile, text, public)
}
