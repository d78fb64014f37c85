package tool

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"time"
)

const (
	caCertFile = "ca.crt"
	caKeyFile  = "ca.key"
	// caValidity is the validity of the authority: replacing it changes the files of every client.
	caValidity = 10 * 365 * 24 * time.Hour
	// clockSkew is the maximum difference between the clocks of machines.
	clockSkew = 5 * time.Minute
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte // of cert
}

// writeTLS writes the authority, unless it is kept, and a new certificate for the nodes of NATS.
func (k *keyDir) writeTLS(hosts []string, now time.Time, validity time.Duration) error {
	ca, err := k.authority(now)
	if err != nil {
		return err
	}
	cert, key, err := ca.issue("nats", hosts, now, validity, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth) // a node is a client of the others
	if err != nil {
		return err
	}
	return errors.Join(
		k.write("nats/tls.key", key, private),
		k.write("nats/tls.crt", cert, public),
		k.write("nats/"+caCertFile, ca.pem, public),
	)
}

// authority reads the authority, or creates one. The key is written first: a key without a certificate is from a run that
// was interrupted.
func (k *keyDir) authority(now time.Time) (*authority, error) {
	certPEM, err := k.read(caCertFile)
	if !k.keep || errors.Is(err, fs.ErrNotExist) {
		return k.createAuthority(now)
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := k.read(caKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: put the file back, the certificate of NATS is signed with it: %w", k.path, caKeyFile, err)
	}
	if err != nil {
		return nil, err
	}
	return parseAuthority(certPEM, keyPEM)
}

func (k *keyDir) createAuthority(now time.Time) (*authority, error) {
	certPEM, keyPEM, err := newAuthority(now)
	if err != nil {
		return nil, err
	}
	if err := k.write(caKeyFile, keyPEM, private); err != nil {
		return nil, err
	}
	if err := k.write(caCertFile, certPEM, public); err != nil {
		return nil, err
	}
	return parseAuthority(certPEM, keyPEM)
}

func newAuthority(now time.Time) (cert, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Orchestrix " + rand.Text()[:8]},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(caValidity),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(template, template, pair, pair)
}

func parseAuthority(certPEM, keyPEM []byte) (*authority, error) {
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s or %s is not PEM: the command keys did not write them", caCertFile, caKeyFile)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caCertFile, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caKeyFile, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s", caKeyFile, caCertFile)
	}
	return &authority{cert: cert, key: key, pem: certPEM}, nil
}

// issue creates a certificate for a server, which the flag --server-host names. It expires before the authority does. A node of
// NATS lets in everyone with a certificate for clients as another node, so each server gets the uses that it needs.
func (a *authority) issue(server string, hosts []string, now time.Time, validity time.Duration, uses ...x509.ExtKeyUsage) (cert, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	end := now.Add(validity)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: server},
		NotBefore: now.Add(-clockSkew), NotAfter: end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: uses,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(template.IPAddresses)+len(template.DNSNames) == 0 {
		return nil, nil, fmt.Errorf("--%s-host is empty: name the hosts under which clients reach the server", server)
	}
	return sign(template, a.cert, pair, a.key)
}

// sign returns a certificate and its key as PEM.
func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) (certPEM, keyPEM []byte, err error) {
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("create a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	var cert, secret bytes.Buffer
	err = errors.Join(
		pem.Encode(&cert, &pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.Encode(&secret, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	)
	return cert.Bytes(), secret.Bytes(), err
}
