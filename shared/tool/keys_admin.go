package tool

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// adminTokenFile is the file with the tokens for admin ports in the directory of a user.
const adminTokenFile = "admin.token"

// writeAdminTokens writes the token of the operator, and its digest for each service: what is stolen from one service opens no
// admin port. Files that are kept may have tokens of further operators.
func (k *keyDir) writeAdminTokens() error {
	own := platform.OperatorUser + "/" + adminTokenFile
	if _, err := k.secret(own, func() ([]byte, error) {
		return []byte(adminapi.NewToken(platform.OperatorUser, rand.Text()).String() + "\n"), nil
	}); err != nil {
		return err
	}
	tokens, err := adminapi.TokenFile(filepath.Join(k.path, own))()
	if err != nil {
		return err
	}
	for _, service := range services {
		if err := k.acceptTokens(service+"/"+adminTokenFile, tokens); err != nil {
			return err
		}
	}
	return nil
}

// acceptTokens adds the digests of tokens to the file of a service.
func (k *keyDir) acceptTokens(file string, tokens []adminapi.Token) error {
	var text string
	if k.keep {
		content, err := k.read(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		text = string(content)
	}
	known := text
	for _, t := range tokens {
		if line := t.Digest() + "\n"; !strings.Contains(known, line) {
			text += line
		}
	}
	if text == known {
		return nil
	}
	return k.write(file, []byte(text), private)
}
