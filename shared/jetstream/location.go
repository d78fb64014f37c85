package jetstream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// location is where the log keeps a stream. An append, or a read, computes it once.
type location struct {
	stream    core.Stream
	partition int
	subject   string
}

func (l *Log) locate(s core.Stream) location {
	partition := l.partitionOf(s)
	return location{stream: s, partition: partition, subject: streamSubject(l.subjects, partition, s)}
}

func (l *Log) streamName(partition int) string { return l.config.partitionStream(partition) }

// parseSubject returns the stream of a subject. It returns [core.ErrCorrupt] if no commit belongs there.
func (l *Log) parseSubject(subject string) (core.Stream, error) {
	name, ours := strings.CutPrefix(subject, l.subjects)
	partition, rest, _ := strings.Cut(name, ".")
	var s core.Stream
	s.Tenant, rest, _ = strings.Cut(rest, ".")
	s.Category, s.ID, _ = strings.Cut(rest, ".")
	if !ours || strings.Count(name, ".") != 3 {
		return core.Stream{}, fmt.Errorf("%w: subject %q is not %s<partition>.<tenant>.<category>.<id>", core.ErrCorrupt, subject, l.subjects)
	}
	if err := s.Check(); err != nil {
		return core.Stream{}, fmt.Errorf("%w: subject %q: %w", core.ErrCorrupt, subject, err)
	}
	if belongs := l.partitionOf(s); strconv.Itoa(belongs) != partition {
		return s, fmt.Errorf("%w: %s is in partition %s, it belongs into %d", core.ErrCorrupt, s, partition, belongs)
	}
	return s, nil
}
