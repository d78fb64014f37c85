package scaffold

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"unicode"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// name is a name that a user has given, in words: "order-summary", "order_summary" and "OrderSummary" are the same.
type name struct {
	words  []string // in lower case
	spells []string // of the words in Go: "Order", "ID"
}

// initialisms are words that Go names spell in capitals.
var initialisms = []string{
	"acl", "api", "ascii", "cpu", "css", "dns", "eof", "guid", "html", "http", "https", "iban", "id", "ip", "json", "pdf", "qps", "ram",
	"rpc", "sku", "sla", "smtp", "sql", "ssh", "tcp", "tls", "ttl", "udp", "ui", "uid", "uri", "url", "utf8", "uuid", "vat", "vm", "xml",
}

// parseName returns the name in words. what names it in the error: "context".
func parseName(what, text string) (name, error) {
	if err := core.CheckToken(what, text); err != nil {
		return name{}, fmt.Errorf("%w: write it as %q or %q", err, "order-summary", "OrderSummary")
	}
	if first := text[0]; first < 'A' || first == '_' || first > 'Z' && first < 'a' {
		return name{}, fmt.Errorf("%s %q does not start with a letter", what, text)
	}
	var n name
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '-' || r == '_' }) {
		for _, word := range humps(part) {
			lower := strings.ToLower(word)
			n.words = append(n.words, lower)
			n.spells = append(n.spells, spell(word, lower))
		}
	}
	if token.IsKeyword(n.kebab()) {
		return name{}, fmt.Errorf("%s %q is a keyword of Go: add a word, such as %q", what, text, n.kebab()+"-order")
	}
	return n, nil
}

// spell returns a word as a part of a Go name. A word of capitals stays one.
func spell(word, lower string) string {
	if slices.Contains(initialisms, lower) || len(word) > 1 && word == strings.ToUpper(word) && word != lower {
		return strings.ToUpper(word)
	}
	return strings.ToUpper(lower[:1]) + lower[1:]
}

// humps splits "HTTPRequestSent" into "HTTP", "Request" and "Sent".
func humps(text string) (words []string) {
	start := 0
	for i := 1; i < len(text); i++ {
		at, before := rune(text[i]), rune(text[i-1])
		afterCapitals := unicode.IsUpper(before) && unicode.IsUpper(at) && i+1 < len(text) && unicode.IsLower(rune(text[i+1]))
		if unicode.IsUpper(at) && !unicode.IsUpper(before) || afterCapitals {
			words, start = append(words, text[start:i]), i
		}
	}
	return append(words, text[start:])
}

// kebab is the name on the wire: of a category, a command, a view, a module.
func (n name) kebab() string { return strings.Join(n.words, "-") }

// spaced is the name in a sentence.
func (n name) spaced() string { return strings.Join(n.words, " ") }

// pascal is the name of an exported Go identifier, and of an event kind.
func (n name) pascal() string { return strings.Join(n.spells, "") }

// camel is the name of a Go identifier that is not exported.
func (n name) camel() string { return n.words[0] + strings.Join(n.spells[1:], "") }

// packageName is the name of a Go package and of its directory.
func (n name) packageName() string { return strings.Join(n.words, "") }

// file is the name of a Go file without its extension. A last word to which the Go command gives a meaning is not set apart:
// robot_arm.go would be built for one processor only.
func (n name) file() string {
	last := len(n.words) - 1
	if last > 0 && (n.words[last] == "test" || slices.Contains(platforms, n.words[last])) {
		return strings.Join(n.words[:last], "_") + n.words[last]
	}
	return strings.Join(n.words, "_")
}

// platforms are the systems and processors that constrain a file by the end of its name.
var platforms = strings.Fields(`aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1
	windows zos 386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le
	riscv riscv64 s390 s390x sparc sparc64 wasm`)

// without returns the name without its first words, where these are the words of another name and not all of them.
func (n name) without(prefix name) name {
	k := len(prefix.words)
	if len(n.words) <= k || !slices.Equal(n.words[:k], prefix.words) {
		return n
	}
	return name{n.words[k:], n.spells[k:]}
}

// in returns the name as that of a type in a package: without the package's name before other words, which would be repeated in
// "billing.BillingAddress".
func (n name) in(pkg string) name {
	for k := 1; k < len(n.words); k++ {
		if strings.Join(n.words[:k], "") == pkg {
			return name{n.words[k:], n.spells[k:]}
		}
	}
	return n
}

// then returns the name with the words of others behind it.
func (n name) then(others ...name) name {
	all := name{slices.Clone(n.words), slices.Clone(n.spells)}
	for _, o := range others {
		all.words, all.spells = append(all.words, o.words...), append(all.spells, o.spells...)
	}
	return all
}

// word is a name of one word in lower case.
func word(lower string) name { return name{[]string{lower}, []string{spell(lower, lower)}} }
