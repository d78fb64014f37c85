package core

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is the place of a commit in the log. Sequences of a partition rise but may have gaps; sequences of two partitions
// are not comparable. Sequence 0 is the position before the first commit.
type Position struct {
	Partition int
	Sequence  uint64
}

// String returns the position as HTTP shows it: "3-1042" is sequence 1042 of partition 3.
func (p Position) String() string {
	return strconv.Itoa(p.Partition) + "-" + strconv.FormatUint(p.Sequence, 10)
}

// ParsePosition parses the form of [Position.String]. Its error wraps [ErrBadPosition].
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
