package redact

import (
	"net/url"
	"slices"
	"strings"
)

// minPart is the length of the shortest part of a password that is removed out of its context: shorter ones are parts of
// common words.
const minPart = 4

// passwordsIn returns the passwords of the connection strings in an argument or variable, and the parts of them that an error of
// a parser may show. A password that is also a name in the connection string is left out: the name is public.
func passwordsIn(text string) (secrets []string) {
	add := func(password string, public string) {
		for _, part := range partsOf(password) {
			if len(part) >= minPart && !strings.Contains(public, part) {
				secrets = append(secrets, part)
			}
		}
		for i := range len(password) { // url.EscapeError shows these three characters
			if password[i] == '%' && i+3 <= len(password) {
				secrets = append(secrets, password[i:i+3])
			}
		}
	}
	for _, m := range settings.FindAllStringSubmatch(text, -1) {
		add(strings.Trim(m[3], `'"`), strings.Replace(text, m[0], "", 1))
	}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, scheme)
		if !found {
			return secrets
		}
		rest = after
		end := len(after)
		if next := strings.Index(after, scheme); next >= 0 {
			end = max(strings.LastIndexByte(after[:next], ','), 0)
		}
		if from, to := secretIn(after[:end], schemeBefore(before)); to > from {
			add(after[from:to], after[:from]+" "+after[to:end])
		}
	}
}

// partsOf returns a password, as it is and decoded, and its parts between the characters that have a meaning in URLs.
func partsOf(password string) []string {
	parts := []string{password}
	if decoded, err := url.PathUnescape(password); err == nil {
		parts = append(parts, decoded)
	}
	parts = append(parts, strings.FieldsFunc(password, func(r rune) bool { return strings.ContainsRune("/?#[]@:% &=", r) })...)
	slices.Sort(parts)
	return slices.Compact(parts)
}
