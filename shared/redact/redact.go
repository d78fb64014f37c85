// Package redact removes secrets from texts where they leave the program: errors, log lines, health reports, answers. It needs
// no knowledge of who made a text: libraries show connection strings, whole or in parts, in errors of their own.
package redact

import (
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// mask stands for a secret.
const mask = "xxxxx"

// Redactor removes what has the form of a secret, and the passwords of the connection strings that the program was given.
type Redactor struct {
	known *strings.Replacer
}

// New returns a redactor for a program with these arguments and environment variables ("NAME=value"). Passwords in them are
// removed wherever they appear, also out of their context.
func New(args, environ []string) *Redactor {
	var secrets []string
	for _, text := range slices.Concat(args, environ) {
		if password, ok := strings.CutPrefix(text, "PGPASSWORD="); ok {
			secrets = append(secrets, password)
		}
		secrets = append(secrets, passwordsIn(text)...)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // a longer one may hold a shorter one
	var pairs []string
	for _, secret := range slices.Compact(secrets) {
		quoted := strconv.Quote(secret)
		for _, form := range []string{secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret)} {
			if form != "" {
				pairs = append(pairs, form, mask)
			}
		}
	}
	return &Redactor{known: strings.NewReplacer(pairs...)}
}

// ofProcess is the redactor of this process.
var ofProcess = sync.OnceValue(func() *Redactor { return New(os.Args[1:], os.Environ()) })

// Text redacts with the arguments and the environment of this process.
func Text(text string) string { return ofProcess().Text(text) }

// Writer redacts each Write with the arguments and the environment of this process.
func Writer(to io.Writer) io.Writer { return ofProcess().Writer(to) }

var (
	// settings are secrets in key=value form, also in the query of a URL.
	settings = regexp.MustCompile(`(?i)\b((?:ssl)?password|passwd|secret|token)(\s*=\s*)('[^']*'|"[^"]*"|[^\s&'"` + "`" + `,]+)`)
	// keys are seeds of NKeys, JWTs, age identities, verifiers of Postgres and private keys.
	keys = regexp.MustCompile(`\bS[ACNOUX][A-Z2-7]{50,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+|AGE-SECRET-KEY-1[0-9A-Z]+|SCRAM-SHA-256\$[^\s"']+|` +
		`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

// Text returns the text without secrets.
func (r *Redactor) Text(text string) string {
	text = r.known.Replace(text)
	text = redactURLs(text)
	if strings.Contains(text, "=") {
		text = settings.ReplaceAllString(text, "${1}${2}"+mask)
	}
	return keys.ReplaceAllString(text, mask)
}

// Writer returns a writer that redacts each Write, such as a line of a log.
func (r *Redactor) Writer(to io.Writer) io.Writer { return writer{r, to} }

type writer struct {
	redactor *Redactor
	to       io.Writer
}

func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.redactor.Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

const scheme = "://"

// redactURLs masks the user information of each URL.
func redactURLs(text string) string {
	first := strings.Index(text, scheme)
	if first < 0 {
		return text
	}
	var out strings.Builder
	for rest := text; ; {
		i := strings.Index(rest, scheme)
		if i < 0 {
			out.WriteString(rest)
			return out.String()
		}
		name := schemeBefore(rest[:i])
		out.WriteString(rest[:i+len(scheme)])
		rest = rest[i+len(scheme):]
		if from, to := secretIn(rest[:authorityEnd(rest)], name); to > from {
			out.WriteString(rest[:from] + mask)
			rest = rest[to:]
		}
	}
}

// authorityEnd is where the part of a text ends that may belong to a URL.
func authorityEnd(text string) int {
	end := len(text)
	if next := strings.Index(text, scheme); next >= 0 { // of a list of URLs
		end = next
	}
	if space := strings.IndexAny(text[:end], " \t\r\n\"'`<>"); space >= 0 {
		end = space
	}
	return end
}

func schemeBefore(text string) string {
	start := strings.LastIndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+.-", r))
	})
	return strings.ToLower(text[start+1:])
}

// secretIn is the range of the password in what follows the scheme of a URL. The user alone is the token of a client of NATS.
func secretIn(text, scheme string) (from, to int) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return 0, 0
	}
	user, password, hasPassword := strings.Cut(text[:at], ":")
	switch {
	case hasPassword && isPort(password): // the @ is in the path
		return 0, 0
	case hasPassword:
		return len(user) + 1, at
	case slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme) && !strings.ContainsAny(user, "/?"):
		return 0, at
	}
	return 0, 0
}

// isPort reports whether a text starts with a port and a path.
func isPort(text string) bool {
	port, _, isPath := strings.Cut(text, "/")
	_, err := strconv.ParseUint(port, 10, 16)
	return isPath && err == nil
}
