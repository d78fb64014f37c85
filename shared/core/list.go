package core

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// MaxListLimit is the longest page of a list.
const MaxListLimit = 1000

// MaxListBytes is the size of the documents of a page, in bytes, above which the page ends before its limit.
const MaxListBytes = 4 << 20

// SortedPrefix is the number of characters of a text by which lists sort. Filters compare the whole text.
const SortedPrefix = 256

// ListCursor is the start of a page: after the document with this key, whose sort field had this value.
type ListCursor struct {
	Value string `json:"v,omitempty"`
	Key   string `json:"k"`
}

// Text returns the text of the cursor, for the next page of the list that q asks of this view and tenant. The text
// holds no secret, and stays valid after a restart and in a new version of the view.
func (c ListCursor) Text(view, tenant string, q ListQuery) (string, error) {
	data, err := Marshal(c)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(q.fingerprint(view, tenant), data...)), nil
}

const fingerprintLength = 6

// fingerprint identifies the list, so that cursors of other lists are rejected.
func (q ListQuery) fingerprint(view, tenant string) []byte {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q %v", view, tenant, q.Sort, q.Desc)
	for _, f := range q.Filter {
		fmt.Fprintf(hash, " %q=%q", f.Field, f.Value)
	}
	return hash.Sum(nil)[:fingerprintLength]
}

// CheckList checks q against the fields of the view and returns the cursor of the page, nil for the first page. Its error
// wraps [ErrBadQuery].
func (v ViewSpec) CheckList(tenant string, q ListQuery) (*ListCursor, error) {
	if q.Limit < 1 || q.Limit > MaxListLimit {
		return nil, fmt.Errorf("%w: the limit is %d, it may be 1 to %d", ErrBadQuery, q.Limit, MaxListLimit)
	}
	for _, f := range q.Filter {
		field, err := v.declaredField(f.Field)
		if err != nil {
			return nil, err
		}
		if field.Kind == Number && !IsDecimal(f.Value) {
			return nil, fmt.Errorf("%w: %s=%.100q: the field is a number, such as 12.50", ErrBadQuery, f.Field, f.Value)
		}
		if field.Kind == Text && strings.ContainsRune(f.Value, 0) {
			return nil, fmt.Errorf("%w: %s=%.100q: no text holds a NUL character", ErrBadQuery, f.Field, f.Value)
		}
	}
	if q.Sort != "" {
		if _, err := v.declaredField(q.Sort); err != nil {
			return nil, err
		}
	}
	if q.Cursor == "" {
		return nil, nil
	}
	return v.parseCursor(tenant, q)
}

func (v ViewSpec) declaredField(name string) (Field, error) {
	field, ok := v.Field(name)
	if !ok {
		return Field{}, fmt.Errorf("%w: view %q can't be filtered or sorted by %.100q; it declares %s", ErrBadQuery, v.Name, name, v.Fields)
	}
	return field, nil
}

func (v ViewSpec) parseCursor(tenant string, q ListQuery) (*ListCursor, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(data) <= fingerprintLength || string(data[:fingerprintLength]) != string(q.fingerprint(v.Name, tenant)) {
		return nil, fmt.Errorf("%w: the cursor does not belong to this list: pass next_cursor on unchanged, with the same filters and order", ErrBadQuery)
	}
	var c ListCursor
	field, _ := v.Field(q.Sort)
	err = json.Unmarshal(data[fingerprintLength:], &c)
	wrongNumber := q.Sort != "" && field.Kind == Number && c.Value != "" && !IsDecimal(c.Value)
	if err != nil || CheckKey(c.Key) != nil || wrongNumber || strings.ContainsRune(c.Value, 0) {
		return nil, fmt.Errorf("%w: the cursor is damaged", ErrBadQuery)
	}
	return &c, nil
}

// decimal matches a number of JSON with at most 1,000 digits and an exponent of at most three, so that no store has to
// expand it to a million zeros.
var decimal = regexp.MustCompile(`^-?[0-9]{1,500}(\.[0-9]{1,500})?([eE][+-]?[0-9]{1,3})?$`)

// IsDecimal reports whether text is a number that a field of kind [Number] may hold: decimal digits with an
// optional sign, fraction and exponent, and no more than 1,000 digits.
func IsDecimal(text string) bool { return decimal.MatchString(text) }
