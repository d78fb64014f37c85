package tool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
)

// operatorKeys are the keys of the operator and the accounts of NATS in operator mode, by the name of the account. They sign what
// users and accounts may do: whoever has them has all rights.
const (
	operatorKeyFile   = "accounts/operator.nk"
	operatorTokenFile = "accounts/operator.jwt"
	systemAccount     = "SYS"
)

// operator signs the accounts of NATS in operator mode.
type operator struct {
	key      nkeys.KeyPair
	accounts map[string]nkeys.KeyPair // by name
	public   map[string]string        // keys of accounts, by name
}

// writeOperator writes the accounts for a server in operator mode, and the credentials file of each user beside its seed. The
// accounts refuse the revoked public keys.
func (k *keyDir) writeOperator(out *bytes.Buffer, accounts []jetstream.Account, keys map[string]userKeys, revoked []string) error {
	o, err := k.operator(accounts)
	if err != nil {
		return err
	}
	claims, err := k.operatorClaims(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {\n", claims, o.public[systemAccount])
	for _, account := range append([]jetstream.Account{{Name: systemAccount}}, accounts...) {
		token, err := o.account(account, revoked)
		if err != nil {
			return fmt.Errorf("account %s: %w", account.Name, err)
		}
		fmt.Fprintf(out, "  %s: %s # %s\n", o.public[account.Name], token, account.Name)
		for _, user := range account.Users {
			creds, err := o.credentials(account.Name, user, keys[natsKeyFile(user)].pair)
			if err != nil {
				return fmt.Errorf("user %s: %w", user.Name, err)
			}
			if err := k.write(strings.TrimSuffix(natsKeyFile(user), ".nk")+".creds", creds, private); err != nil {
				return err
			}
		}
	}
	out.WriteString("}\n")
	return nil
}

func (k *keyDir) operator(accounts []jetstream.Account) (*operator, error) {
	key, err := k.nkey(operatorKeyFile, nkeys.CreateOperator)
	if err != nil {
		return nil, err
	}
	o := &operator{key: key, accounts: map[string]nkeys.KeyPair{}, public: map[string]string{}}
	for _, account := range append([]jetstream.Account{{Name: systemAccount}}, accounts...) {
		pair, err := k.nkey("accounts/"+account.Name+".nk", nkeys.CreateAccount)
		if err != nil {
			return nil, err
		}
		if o.public[account.Name], err = pair.PublicKey(); err != nil {
			return nil, err
		}
		o.accounts[account.Name] = pair
	}
	return o, nil
}

// operatorClaims are the operator's own, signed. They are signed only once: a server that runs loads no configuration with other ones,
// which differ by their time alone.
func (k *keyDir) operatorClaims(o *operator) (string, error) {
	public, err := o.key.PublicKey()
	if err != nil {
		return "", err
	}
	if k.keep {
		kept, err := k.read(operatorTokenFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		claims, invalid := jwt.DecodeOperatorClaims(string(kept))
		if invalid == nil && claims.Subject == public && claims.SystemAccount == o.public[systemAccount] {
			return string(kept), nil
		}
	}
	token, err := o.claims()
	if err != nil {
		return "", err
	}
	return token, k.write(operatorTokenFile, []byte(token), private)
}

// claims are the operator's own.
func (o *operator) claims() (string, error) {
	public, err := o.key.PublicKey()
	if err != nil {
		return "", err
	}
	claims := jwt.NewOperatorClaims(public)
	claims.Name, claims.SystemAccount = "orchestrix", o.public[systemAccount]
	return claims.Encode(o.key)
}

func (o *operator) account(a jetstream.Account, revoked []string) (string, error) {
	claims := jwt.NewAccountClaims(o.public[a.Name])
	claims.Name = a.Name
	for _, key := range revoked {
		claims.Revoke(key)
	}
	if a.JetStream {
		claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
			MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
			MaxAckPending: jwt.NoLimit, MemoryMaxStreamBytes: jwt.NoLimit, DiskMaxStreamBytes: jwt.NoLimit,
		}
	}
	for _, e := range a.Exports {
		export := &jwt.Export{Name: e.Subject, Subject: jwt.Subject(e.Subject), Type: exportType(e.Stream), TokenReq: true}
		if e.Many {
			export.ResponseType = jwt.ResponseTypeStream
		}
		claims.Exports.Add(export)
	}
	for _, i := range a.Imports {
		token, err := o.activation(a.Name, i)
		if err != nil {
			return "", err
		}
		imported := &jwt.Import{Name: i.Local, Subject: jwt.Subject(i.Subject), Account: o.public[i.From], Token: token, Type: exportType(i.Stream)}
		if i.Local != i.Subject {
			imported.LocalSubject = jwt.RenamingSubject(numberWildcards(i.Local))
		}
		claims.Imports.Add(imported)
	}
	found := jwt.CreateValidationResults()
	if claims.Validate(found); found.IsBlocking(true) { // the server would not load the account
		return "", errors.Join(found.Errors()...)
	}
	return claims.Encode(o.key)
}

func exportType(stream bool) jwt.ExportType {
	if stream {
		return jwt.Stream
	}
	return jwt.Service
}

// numberWildcards writes each * of a subject as $1, $2, …: the tokens that the * of the other subject match.
func numberWildcards(subject string) string {
	tokens, number := strings.Split(subject, "."), 0
	for i, token := range tokens {
		if token == "*" {
			number++
			tokens[i] = fmt.Sprint("$", number)
		}
	}
	return strings.Join(tokens, ".")
}

// activation lets an account import a subject of another one.
func (o *operator) activation(to string, i jetstream.Import) (string, error) {
	claims := jwt.NewActivationClaims(o.public[to])
	claims.Name, claims.ImportSubject, claims.ImportType = i.Subject, jwt.Subject(i.Subject), exportType(i.Stream)
	return claims.Encode(o.accounts[i.From])
}

// permission allows subjects, and no other ones.
func permission(subjects []string) jwt.Permission {
	if len(subjects) == 0 { // an empty list allows all
		return jwt.Permission{Deny: jwt.StringList{">"}}
	}
	return jwt.Permission{Allow: subjects}
}

// credentials are the file with which a user logs in.
func (o *operator) credentials(account string, user jetstream.AccountUser, key nkeys.KeyPair) ([]byte, error) {
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	claims := jwt.NewUserClaims(public)
	claims.Name = user.Name
	claims.Pub, claims.Sub = permission(user.Publish), permission(user.Subscribe)
	token, err := claims.Encode(o.accounts[account])
	if err != nil {
		return nil, err
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, seed)
}
