package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	scramPrefix     = "SCRAM-SHA-256$"
	scramIterations = 4096 // the default of Postgres
	scramSalt       = 16   // bytes
)

// Verifier returns the form in which Postgres stores a password (RFC 5803). It verifies the password, but can't be used to
// log in. The error is about a password with characters that programs may encode differently.
func Verifier(password string) (string, error) {
	if password == "" || strings.ContainsFunc(password, func(r rune) bool { return r < '!' || r > '~' }) {
		return "", errors.New("a password must be of printable ASCII characters without spaces")
	}
	salt := make([]byte, scramSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive a verifier: %w", err)
	}
	stored := sha256.Sum256(keyedHash(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, scramIterations, encode(salt),
		encode(stored[:]), encode(keyedHash(salted, "Server Key"))), nil
}

func keyedHash(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
