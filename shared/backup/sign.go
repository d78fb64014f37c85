package backup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

var (
	// ErrUnsigned means that a backup has no signature although one is required.
	ErrUnsigned = errors.New("the backup is not signed")
	// ErrForged means that the signature of a backup is not of the given key, or that the manifest was changed after it was
	// signed.
	ErrForged = errors.New("the signature of the backup is wrong")
)

// signature is an Ed25519 signature of the manifest, whose checksums cover the segments.
type signature struct {
	KeyID   string `json:"key_id"`  // of the public key: see [KeyID]
	Ed25519 []byte `json:"ed25519"` // of signedPrefix and the compact JSON of the manifest
}

// signedPrefix separates these signatures from others that the same key may make.
const signedPrefix = "orchestrix backup manifest 2\n"

// KeyID names a public key: the first 8 bytes of its SHA-256 in hexadecimal.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

func signManifest(key ed25519.PrivateKey, manifest json.RawMessage) (*signature, error) {
	message, err := signedBytes(manifest)
	if err != nil {
		return nil, err
	}
	return &signature{KeyID: KeyID(publicOf(key)), Ed25519: ed25519.Sign(key, message)}, nil
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := key.Public().(ed25519.PublicKey) // it always is one
	return public
}

// verify checks the signature of a manifest.
func (s *signature) verify(key ed25519.PublicKey, manifest json.RawMessage) error {
	if s == nil {
		return ErrUnsigned
	}
	if id := KeyID(key); s.KeyID != id {
		return fmt.Errorf("%w: it is of the key %s, the given public key is %s", ErrForged, s.KeyID, id)
	}
	message, err := signedBytes(manifest)
	if err != nil {
		return err
	}
	if !ed25519.Verify(key, message, s.Ed25519) {
		return fmt.Errorf("%w: %s was changed after the key %s had signed it", ErrForged, manifestFile, s.KeyID)
	}
	return nil
}

func signedBytes(manifest json.RawMessage) ([]byte, error) {
	message := bytes.NewBufferString(signedPrefix)
	err := json.Compact(message, manifest)
	return message.Bytes(), err
}

// PEM blocks of the keys: PKCS #8 and PKIX, as openssl writes them.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// NewSignKey returns a new key to sign backups with, and its public key to verify them, as PEM.
func NewSignKey() (private, public []byte, err error) {
	publicKey, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	public, err = encodePublic(publicKey)
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), public, err
}

// PublicPEM returns the public key of a private key, both as PEM.
func PublicPEM(private []byte) ([]byte, error) {
	key, err := ParseSignKey(private)
	if err != nil {
		return nil, err
	}
	return encodePublic(publicOf(key))
}

func encodePublic(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), err
}

// ParseSignKey reads a private key of Ed25519 from PEM. The error does not show the text.
func ParseSignKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateBlock {
		return nil, fmt.Errorf("it is not PEM of the type %s", privateBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is not a private key in PKCS #8")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it is a %T, and must be a private key of Ed25519", parsed)
	}
	return key, nil
}

// ParseVerifyKey reads a public key of Ed25519 from PEM.
func ParseVerifyKey(text []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != publicBlock {
		return nil, fmt.Errorf("it is not PEM of the type %s", publicBlock)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("it is a %T, and must be a public key of Ed25519", parsed)
	}
	return key, nil
}
