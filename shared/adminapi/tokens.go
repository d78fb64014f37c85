package adminapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// Tokens returns the tokens that an admin port accepts. It is called for each request, so that a change of a file counts from
// the next request on.
type Tokens func() ([]Token, error)

// Token is the right of an operator to use an admin port.
type Token struct {
	Name   string // of the operator; recorded as who asks for an action
	Secret string // empty where only the digest is known
	digest [sha256.Size]byte
}

// NewToken returns the token of an operator.
func NewToken(name, secret string) Token {
	return Token{Name: name, Secret: secret, digest: sha256.Sum256([]byte(secret))}
}

// OneToken returns the token of the only operator.
func OneToken(name, secret string) Tokens {
	tokens := []Token{NewToken(name, secret)}
	return func() ([]Token, error) { return tokens, nil }
}

const (
	// digestPrefix precedes the SHA-256 of a token, in hexadecimal digits, where a file has it instead of the token.
	digestPrefix  = "sha256:"
	minSecret     = 20                                                                      // characters
	maxName       = 100                                                                     // characters
	maxTokenFile  = 64 << 10                                                                // bytes
	secretCharset = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=" // of RFC 6750
)

// String is the line of the token in the file of an operator.
func (t Token) String() string { return t.Name + ":" + t.Secret }

// Digest is the line of the token in the file of a service, which can check the token and can't send it.
func (t Token) Digest() string { return t.Name + ":" + digestPrefix + hex.EncodeToString(t.digest[:]) }

// LogValue keeps the token out of the log.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.Name) }

// TokenFile returns the tokens in a file, one a line: name:token, or name:sha256:digest. Empty lines and lines that begin with #
// are skipped. Its error names the file and the line, and no token.
func TokenFile(path string) Tokens {
	return func() ([]Token, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // only read from
		text, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
		if err != nil {
			return nil, err
		}
		tokens, err := parseTokens(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return tokens, nil
	}
}

func parseTokens(text []byte) (tokens []Token, err error) {
	if len(text) > maxTokenFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxTokenFile)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		t, err := parseToken(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: write it as name:token or name:sha256:digest", n, err)
		}
		tokens = append(tokens, t)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, errors.New("it has no token: write one a line, as name:token")
	}
	return tokens, nil
}

func parseToken(line string) (Token, error) {
	name, secret, ok := strings.Cut(line, ":")
	if !ok {
		return Token{}, errors.New("it has no colon between a name and a token")
	}
	if name == "" || len(name) > maxName || !consistsOf(name, secretCharset+"@") {
		return Token{}, fmt.Errorf("the name must have 1 to %d letters, digits and the characters @-._~+/=", maxName)
	}
	if digits, ok := strings.CutPrefix(secret, digestPrefix); ok {
		t := Token{Name: name}
		if n, err := hex.Decode(t.digest[:], []byte(digits[:min(len(digits), 2*sha256.Size)])); err != nil || n != sha256.Size || len(digits) != 2*sha256.Size {
			return Token{}, errors.New("the digest must be the 64 hexadecimal digits of a SHA-256")
		}
		return t, nil
	}
	if len(secret) < minSecret || !consistsOf(secret, secretCharset) {
		return Token{}, fmt.Errorf("the token must have at least %d letters, digits and the characters -._~+/=", minSecret)
	}
	return NewToken(name, secret), nil
}

func consistsOf(text, charset string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(charset, r) }) < 0
}

// errUnauthorized is the same for a token that is missing and one that is unknown.
var errUnauthorized = problem.Unauthorized.Errorf("the admin port needs the header Authorization: Bearer with the token of an operator")

// operator returns the name of the operator whose token a request has. It compares with every token, in constant time.
func (tokens Tokens) operator(r *http.Request) (string, error) {
	known, err := tokens()
	if err != nil {
		return "", err
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sent, name, found := NewToken("", secret), "", 0
	for _, t := range known {
		if equal := subtle.ConstantTimeCompare(sent.digest[:], t.digest[:]); equal == 1 {
			name, found = t.Name, 1
		}
	}
	if found == 0 || !strings.EqualFold(scheme, "Bearer") {
		return "", errUnauthorized
	}
	return name, nil
}

type operatorKey struct{}

// Operator returns the name of the operator who sent a request that has passed [Protect].
func Operator(ctx context.Context) string {
	name, _ := ctx.Value(operatorKey{}).(string)
	return name
}

// Protect returns a handler that answers only to the tokens of operators, and to no body but JSON of at most 16 KiB. Where the
// tokens can't be read, it answers 503 to all, and logs why.
func Protect(next http.Handler, tokens Tokens, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		name, err := tokens.operator(r)
		var known *problem.Error
		if err != nil && !errors.As(err, &known) {
			logger.ErrorContext(r.Context(), "the admin port refuses every request, since its tokens can't be read", "error", err)
			err = problem.Unavailable.Errorf("the tokens of operators can't be read: the log of the service says why")
		}
		if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead && !isJSON(r) {
			err = problem.NotJSON.Errorf("Content-Type must be application/json")
		}
		if err != nil {
			if errors.Is(err, errUnauthorized) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="orchestrix admin"`)
			}
			WriteError(w, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxActionBody)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorKey{}, name)))
	})
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == mediaJSON
}
