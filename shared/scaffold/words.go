package scaffold

import (
	"slices"
	"strings"
)

// irregular are the past participles of verbs that have one of their own.
var irregular = pairs(`become become, begin begun, bet bet, bid bid, bind bound, bite bitten, blow blown, break broken, bring brought,
	broadcast broadcast, build built, burn burnt, buy bought, catch caught, choose chosen, come come, cost cost, cut cut, deal dealt, dig dug,
	do done, draw drawn, drink drunk, drive driven, eat eaten, fall fallen, feed fed, feel felt, fight fought, find found, fly flown,
	forbid forbidden, forecast forecast, forget forgotten, freeze frozen, get got, give given, go gone, grow grown, hang hung, have had,
	hear heard, hide hidden, hit hit, hold held, keep kept, know known, lay laid, lead led, leave left, lend lent, let let, lose lost,
	make made, mean meant, meet met, pay paid, put put, quit quit, read read, ride ridden, ring rung, rise risen, run run, say said, see seen,
	seek sought, sell sold, send sent, set set, shake shaken, show shown, shut shut, sing sung, sink sunk, sit sat, sleep slept, speak spoken,
	spend spent, split split, spread spread, stand stood, steal stolen, stick stuck, strike struck, swear sworn, sweep swept, swim swum,
	take taken, teach taught, tell told, think thought, throw thrown, undo undone, understand understood, upset upset, wake woken, wear worn,
	win won, withdraw withdrawn, write written`)

// irregularPlurals are nouns whose plural has no rule, and those without one.
var irregularPlurals = pairs(`analysis analyses, cache caches, child children, foot feet, goose geese, hero heroes, half halves, leaf leaves, life lives, man men, mouse mice, movie movies, person people,
	shelf shelves, tooth teeth, woman women, wife wives, data data, equipment equipment, fish fish, goods goods, information information,
	inventory inventories, money money, news news, series series, sheep sheep, species species, staff staff, stock stock, traffic traffic`)

// stressed are verbs of several syllables whose last consonant is doubled; others, like "deliver", keep one.
var stressed = []string{"admit", "commit", "control", "defer", "equip", "expel", "incur", "infer", "occur", "omit", "permit", "prefer", "recur", "refer", "submit", "transfer", "transmit", "cancel"}

// pairs reads "pay paid, put put".
func pairs(list string) map[string]string {
	m := map[string]string{}
	for _, pair := range strings.Split(list, ",") {
		from, to, _ := strings.Cut(strings.TrimSpace(pair), " ")
		m[from] = to
	}
	return m
}

// past returns the past participle of a verb: "shipped", "paid", "cancelled".
func past(verb string) string {
	if p, ok := irregular[verb]; ok {
		return p
	}
	for _, prefix := range []string{"re", "un", "over", "out", "up", "with"} { // "rewrite", "overpay", "uphold"
		if p, ok := irregular[strings.TrimPrefix(verb, prefix)]; ok && len(verb) > len(prefix)+2 && strings.HasPrefix(verb, prefix) {
			return prefix + p
		}
	}
	switch last := len(verb) - 1; {
	case strings.HasSuffix(verb, "e"):
		return verb + "d"
	case strings.HasSuffix(verb, "y") && last > 0 && !isVowel(verb[last-1]):
		return verb[:last] + "ied"
	case doubles(verb):
		return verb + verb[last:] + "ed"
	}
	return verb + "ed"
}

// doubles reports whether a verb doubles its last consonant: "ship", "submit", but not "deliver", "fix" or "load".
func doubles(verb string) bool {
	last := len(verb) - 1
	if last < 2 || isVowel(verb[last]) || !isVowel(verb[last-1]) || isVowel(verb[last-2]) && verb[last-2:last] != "ui" || strings.ContainsRune("wxy", rune(verb[last])) {
		return false
	}
	return syllables(verb) == 1 || slices.Contains(stressed, verb)
}

func syllables(word string) (n int) {
	for i := range len(word) {
		if isVowel(word[i]) && (i == 0 || !isVowel(word[i-1])) {
			n++
		}
	}
	return n
}

func isVowel(b byte) bool { return strings.IndexByte("aeiou", b) >= 0 }

// plural returns the plural of a noun: "invoices", "boxes", "categories".
func plural(noun string) string {
	if p, ok := irregularPlurals[noun]; ok {
		return p
	}
	last := len(noun) - 1
	switch {
	case strings.HasSuffix(noun, "y") && last > 0 && !isVowel(noun[last-1]):
		return noun[:last] + "ies"
	case sibilant(noun):
		return noun + "es"
	}
	return noun + "s"
}

// singular returns the singular of a plural, and whether the noun is a plural.
func singular(noun string) (string, bool) {
	for one, many := range irregularPlurals {
		if one != many && many == noun {
			return one, true
		}
	}
	if _, same := irregularPlurals[noun]; same || strings.HasSuffix(noun, "ss") || strings.HasSuffix(noun, "us") || strings.HasSuffix(noun, "is") {
		return noun, false
	}
	if stem, ok := strings.CutSuffix(noun, "ies"); ok && len(stem) > 1 {
		return stem + "y", true
	}
	if stem, ok := strings.CutSuffix(noun, "es"); ok && sibilant(stem) && !strings.HasSuffix(stem, "ous") && !strings.HasSuffix(stem, "aus") {
		return stem, true
	}
	stem, ok := strings.CutSuffix(noun, "s")
	return stem, ok && len(stem) > 1
}

// sibilant reports whether a noun takes "es": "box", "dish", "class".
func sibilant(noun string) bool {
	for _, end := range []string{"x", "ch", "sh", "ss", "us", "zz"} {
		if strings.HasSuffix(noun, end) {
			return true
		}
	}
	return false
}

// article returns "a" or "an" with the text behind it.
func article(text string) string {
	for _, sound := range []string{"uni", "use", "usa", "eu", "one", "ut"} { // as in "you" and "won"
		if strings.HasPrefix(text, sound) && !strings.HasPrefix(text, "unin") {
			return "a " + text
		}
	}
	if isVowel(text[0]) || text == "hour" || strings.HasPrefix(text, "honor") {
		return "an " + text
	}
	return "a " + text
}
