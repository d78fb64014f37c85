package core

import (
	"strconv"
)

// DefaultTenant is the tenant of a request that names none.
const DefaultTenant = "default"

// Stream names the history of one aggregate instance. Its parts are tokens: see [CheckToken].
type Stream struct {
	Tenant   string
	Category string
	ID       string
}

// String returns the stream's name without its tenant, as HTTP answers show it: "order-10248". It can't be parsed, because a
// category may contain a dash.
func (s Stream) String() string { return s.Category + "-" + s.ID }

// Path returns the stream's unambiguous name, "default/order/10248": a token holds no slash.
func (s Stream) Path() string { return s.Tenant + "/" + s.Category + "/" + s.ID }

// Check returns an error that wraps [ErrBadToken] if a part of the name is not a token.
func (s Stream) Check() error {
	for _, part := range [...]struct{ what, value string }{
		{"tenant", s.Tenant}, {"category", s.Category}, {"id", s.ID},
	} {
		if err := CheckToken(part.what, part.value); err != nil {
			return err
		}
	}
	return nil
}

// Version is how many events a stream holds; events are numbered from 1 without gaps.
type Version uint64

// String returns the version in decimal digits.
func (v Version) String() string { return strconv.FormatUint(uint64(v), 10) }
