package core

import (
	"fmt"
	"strconv"
	"strings"
)

// DefaultTenant is the tenant of a request that names none.
const DefaultTenant = "default"

// MaxTokenLength is the longest tenant, category or id, in bytes.
const MaxTokenLength = 64

// Stream names the history of one aggregate instance. Its parts are tokens: see [CheckToken].
type Stream struct {
	Tenant   string
	Category string
	ID       string
}

// String is the stream's name without its tenant, as HTTP answers show it: "order-10248". It is for people:
// a category may itself contain a dash, so it can't be parsed back.
func (s Stream) String() string { return s.Category + "-" + s.ID }

// Path is the stream's unambiguous name, "default/order/10248": a token holds no slash.
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

// CheckToken returns an error that wraps [ErrBadToken] unless value matches ^[A-Za-z0-9_-]{1,64}$: what may
// stand between two dots of a subject, in a path and in a key of any store. The error calls the value what.
func CheckToken(what, value string) error {
	if value == "" {
		return fmt.Errorf("%w: %s is empty", ErrBadToken, what)
	}
	if len(value) > MaxTokenLength {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", ErrBadToken, what, len(value), MaxTokenLength)
	}
	for i := range len(value) {
		if !IsTokenByte(value[i]) {
			return fmt.Errorf("%w: %s %q may hold only letters, digits, '_' and '-'", ErrBadToken, what, value)
		}
	}
	return nil
}

func IsTokenByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-'
}

// MaxCommandIDLength is the longest command id, in bytes.
const MaxCommandIDLength = 128

// CheckCommandID returns an error that wraps [ErrBadToken] unless id has 1 to 128 printable ASCII characters
// without space: it travels in headers of HTTP and NATS.
func CheckCommandID(id string) error {
	if id == "" {
		return fmt.Errorf("%w: command id is empty", ErrBadToken)
	}
	if len(id) > MaxCommandIDLength {
		return fmt.Errorf("%w: command id has %d bytes, at most %d are allowed", ErrBadToken, len(id), MaxCommandIDLength)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("%w: command id %q may hold only printable ASCII characters without space", ErrBadToken, id)
		}
	}
	return nil
}

// Version is how many events a stream holds; events are numbered from 1 without gaps.
type Version uint64

// String is the version in decimal digits.
func (v Version) String() string { return strconv.FormatUint(uint64(v), 10) }

// Position is where a commit stands in the log. Sequences of a partition rise but may have gaps, and
// sequences of two partitions can't be compared. The zero sequence stands before the first commit.
type Position struct {
	Partition int
	Sequence  uint64
}

// String is the position as HTTP shows it: "3-1042" is sequence 1042 of partition 3.
func (p Position) String() string {
	return strconv.Itoa(p.Partition) + "-" + strconv.FormatUint(p.Sequence, 10)
}

// ParsePosition reads what [Position.String] writes. Its error wraps [ErrBadPosition].
func ParsePosition(text string) (Position, error) {
	partition, sequence, ok := strings.Cut(text, "-")
	if ok {
		p, errP := strconv.ParseUint(partition, 10, 16)
		s, errS := strconv.ParseUint(sequence, 10, 64)
		if errP == nil && errS == nil {
			return Position{Partition: int(p), Sequence: s}, nil
		}
	}
	return Position{}, fmt.Errorf("%w: %q is not of the form <partition>-<sequence>, such as 3-1042", ErrBadPosition, text)
}

// PartitionOf is the partition, from 0 to partitions-1, that holds the streams of this tenant and id. The
// category takes no part, so streams of different categories with one id share a partition. The hash is
// FNV-1a of 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/) over tenant + "/" + id.
func PartitionOf(tenant, id string, partitions int) int {
	hash := fnv1a(fnv1a(fnv1a(fnvOffset, tenant), "/"), id)
	return int(hash % uint32(partitions))
}

const (
	fnvOffset uint32 = 2166136261
	fnvPrime  uint32 = 16777619
)

func fnv1a(hash uint32, text string) uint32 {
	for i := range len(text) {
		hash = (hash ^ uint32(text[i])) * fnvPrime
	}
	return hash
}
