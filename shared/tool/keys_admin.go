package tool

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
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

// acceptTokens writes the digests of tokens into the file of a service. Its lines of other names are those of further
// operators, and stay; those of the same names may be of tokens that were replaced.
func (k *keyDir) acceptTokens(file string, tokens []adminapi.Token) error {
	var text string
	if k.keep {
		content, err := k.read(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		text = string(content)
	}
	var lines []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, ":")
		if !slices.ContainsFunc(tokens, func(t adminapi.Token) bool { return t.Name == name }) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	for _, t := range tokens {
		lines = append(lines, t.Digest())
	}
	accepted := strings.Join(lines, "\n") + "\n"
	if text == accepted {
		return nil
	}
	return k.write(file, []byte(accepted), private)
}
