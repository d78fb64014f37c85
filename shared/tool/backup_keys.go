package tool

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/backup"
)

// backupKeys are the flags of backup about keys.
type backupKeys struct {
	signFile   string
	recipients []string
}

func (k *backupKeys) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&k.signFile, "sign-key", "", "file with the private key that signs the backup: backup/sign.key of 'keys init'; none: the backup is not signed")
	flags.StringArrayVar(&k.recipients, "recipient", nil, "age recipient (age1…) that the backup is encrypted for; may be repeated; none: it is not encrypted")
}

func (k *backupKeys) options() (o backup.WriteOptions, err error) {
	if k.signFile != "" {
		if o.SignKey, err = parseFile(k.signFile, "--sign-key", backup.ParseSignKey); err != nil {
			return o, err
		}
	}
	for _, text := range k.recipients {
		parsed, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return o, errors.New("--recipient is not an age recipient: it must start with age1, as age-keygen -y prints it")
		}
		o.Recipients = append(o.Recipients, parsed...)
	}
	return o, nil
}

// restoreKeys are the flags of restore about keys.
type restoreKeys struct {
	verifyFile, identityFile string
	unsigned                 bool
}

func (k *restoreKeys) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&k.verifyFile, "verify-key", "", "file with the public key that the backup must be signed with: backup/sign.pub of 'keys init'; none: no signature is verified")
	flags.BoolVar(&k.unsigned, "unsigned", false, "with --verify-key, also restore a backup without signature, such as an older one")
	flags.StringVar(&k.identityFile, "identity", "", "file with the age identity that decrypts the backup")
}

func (k *restoreKeys) apply(to *backup.RestoreOptions) (err error) {
	to.Unsigned = k.unsigned
	if k.verifyFile != "" {
		if to.VerifyKey, err = parseFile(k.verifyFile, "--verify-key", backup.ParseVerifyKey); err != nil {
			return err
		}
	}
	if k.identityFile == "" {
		return nil
	}
	to.Identities, err = parseFile(k.identityFile, "--identity", func(text []byte) ([]age.Identity, error) {
		identities, err := age.ParseIdentities(strings.NewReader(string(text)))
		if err != nil { // the error of the library may show the text
			return nil, errors.New("it holds no age identity: lines AGE-SECRET-KEY-1…, as age-keygen writes them")
		}
		return identities, nil
	})
	return err
}

// describe says whether the signature was verified.
func (k *restoreKeys) describe(to backup.RestoreOptions) string {
	if to.VerifyKey == nil {
		return "no signature was verified (--verify-key)"
	}
	if to.Unsigned {
		return "backups without signature were allowed (--unsigned)"
	}
	return "signed with the key " + backup.KeyID(to.VerifyKey)
}

// parseFile reads a file that a flag names.
func parseFile[T any](file, flag string, parse func([]byte) (T, error)) (parsed T, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		parsed, err = parse(text)
	}
	if err != nil {
		return parsed, fmt.Errorf("%s %s: %w", flag, file, err)
	}
	return parsed, nil
}

// describeSignature says which key has signed a backup.
func describeSignature(key ed25519.PrivateKey) string {
	if key == nil {
		return "not signed (--sign-key)"
	}
	public, _ := key.Public().(ed25519.PublicKey) // it always is one
	return "signed with the key " + backup.KeyID(public)
}
