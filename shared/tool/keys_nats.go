package tool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// authFile is the part of the configuration of NATS that says who may do what.
const authFile = "nats/auth.conf"

// writeNATS writes the keys of the users of NATS, and the accounts with their rights.
func (k *keyDir) writeNATS(s keySettings, users []platform.User) error {
	accounts := platform.Accounts(s.Partitions, users)
	keys := map[string]userKeys{} // by file
	for _, account := range accounts {
		for _, user := range account.Users {
			of, err := k.userKeys(natsKeyFile(user))
			if err != nil {
				return err
			}
			keys[natsKeyFile(user)] = of
		}
	}
	var auth bytes.Buffer
	fmt.Fprintf(&auth, "# Who may do what in NATS, written by '%s keys'. It holds no secret.\n", k.program)
	if s.Credentials {
		if err := k.writeOperator(&auth, accounts, keys, s.Revoked); err != nil {
			return err
		}
	} else {
		writeAccounts(&auth, accounts, keys)
	}
	return k.write(authFile, auth.Bytes(), public)
}

// natsKeyFile is the file with the seed of a user.
func natsKeyFile(user jetstream.AccountUser) string {
	if user.Writer {
		return user.Name + "/writer.nk"
	}
	return user.Name + "/nats.nk"
}

// userKeys are the keys of a user of NATS.
type userKeys struct {
	pair   nkeys.KeyPair // with which the user logs in
	public []string      // of the present key, and of the old one during a rotation
}

// userKeys returns the keys of a file of seeds, which is made where it is missing.
func (k *keyDir) userKeys(file string) (userKeys, error) {
	pair, err := k.nkey(file, nkeys.CreateUser)
	if err != nil {
		return userKeys{}, err
	}
	public, err := pair.PublicKey()
	of := userKeys{pair: pair, public: []string{public}}
	if err != nil {
		return of, err
	}
	if _, err := os.Stat(filepath.Join(k.path, oldFile(file))); err != nil {
		return of, nil
	}
	if !k.keep { // new keys replace all
		return of, os.Remove(filepath.Join(k.path, oldFile(file)))
	}
	old, err := k.publicKey(oldFile(file))
	if err == nil && old != public {
		of.public = append(of.public, old)
	}
	return of, err
}

// publicKey is the public key of the seed in a file that exists.
func (k *keyDir) publicKey(file string) (string, error) {
	seed, err := k.read(file)
	if err != nil {
		return "", err
	}
	pair, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return pair.PublicKey()
}

// nkey returns the key of the seed in a file.
func (k *keyDir) nkey(file string, create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, error) {
	seed, err := k.secret(file, func() ([]byte, error) {
		pair, err := create()
		if err != nil {
			return nil, err
		}
		return pair.Seed()
	})
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return pair, nil
}

// writeAccounts writes the accounts for a server that knows its users by their public keys.
func writeAccounts(out *bytes.Buffer, accounts []jetstream.Account, keys map[string]userKeys) {
	out.WriteString("authorization { timeout: 5 }\nsystem_account: SYS\naccounts {\n  SYS {}\n")
	for _, account := range accounts {
		fmt.Fprintf(out, "  %s {\n", account.Name)
		if account.JetStream {
			out.WriteString("    jetstream: enabled\n")
		}
		out.WriteString("    users: [\n")
		for _, user := range account.Users {
			for _, public := range keys[natsKeyFile(user)].public {
				fmt.Fprintf(out, "      { # %s\n        nkey: %s\n        permissions: {\n", natsKeyFile(user), public)
				writeSubjects(out, "publish", user.Publish)
				writeSubjects(out, "subscribe", user.Subscribe)
				out.WriteString("        }\n      }\n")
			}
		}
		out.WriteString("    ]\n")
		writeExports(out, account.Exports)
		writeImports(out, account.Imports)
		out.WriteString("  }\n")
	}
	out.WriteString("}\n")
}

// writeSubjects writes a permission. All other subjects are denied.
func writeSubjects(out *bytes.Buffer, verb string, subjects []string) {
	if len(subjects) == 0 { // an empty list allows all
		fmt.Fprintf(out, "          %s: { deny: \">\" }\n", verb)
		return
	}
	fmt.Fprintf(out, "          %s: { allow: [\n", verb)
	for _, subject := range subjects {
		fmt.Fprintf(out, "            %q\n", subject)
	}
	out.WriteString("          ] }\n")
}

func writeExports(out *bytes.Buffer, exports []jetstream.Export) {
	if len(exports) == 0 {
		return
	}
	out.WriteString("    exports: [\n")
	for _, e := range exports {
		kind, many := "service", ""
		if e.Stream {
			kind = "stream"
		}
		if e.Many {
			many = ", response_type: stream"
		}
		fmt.Fprintf(out, "      { %s: %q%s, accounts: [%s] }\n", kind, e.Subject, many, strings.Join(e.To, ", "))
	}
	out.WriteString("    ]\n")
}

func writeImports(out *bytes.Buffer, imports []jetstream.Import) {
	if len(imports) == 0 {
		return
	}
	out.WriteString("    imports: [\n")
	for _, i := range imports {
		kind, local := "service", ""
		if i.Stream {
			kind = "stream"
		}
		if i.Local != i.Subject {
			local = fmt.Sprintf(", to: %q", i.Local)
		}
		fmt.Fprintf(out, "      { %s: { account: %s, subject: %q }%s }\n", kind, i.From, i.Subject, local)
	}
	out.WriteString("    ]\n")
}
