package jetstream

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"orchestrix/shared/es"
)

// Config describes the log. Zero values take the defaults.
type Config struct {
	Partitions      int           // fixed when the log is created; 0 takes what there is, or 4 for a new log
	Replicas        int           // of a new log; 1
	Prefix          string        // of the names of streams and, in lower case, of subjects; ORX
	AppendBudget    time.Duration // for one append, retries included; 15 s
	AckTimeout      time.Duration // for one answer of the server, before its outcome is looked up; 5 s
	LostAfter       time.Duration // without an answer of any leader, until another server of the cluster is tried: more than an election takes; 10 s
	DuplicateWindow time.Duration // of a new log; 2 min
	Logger          *slog.Logger  // slog.Default()
	Observer        Observer      // nobody
}

// Observer is told what appends meet, for metrics. Its functions may be nil, are called by many goroutines at
// once, and must not block.
type Observer struct {
	Conflict     func(es.Stream) // the stream had moved on
	Retry        func(es.Stream) // the commit is published once more
	AmbiguousAck func(es.Stream) // an answer did not come, and the outcome is looked up
}

const (
	defaultPartitions = 4
	maxPartitions     = 256
	metaPartitions    = "orchestrix-partitions"
	metaFormat        = "orchestrix-format"
	format            = "1"
)

func (c Config) withDefaults() Config {
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Prefix == "" {
		c.Prefix = "ORX"
	}
	if c.AppendBudget == 0 {
		c.AppendBudget = 15 * time.Second
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = 5 * time.Second
	}
	if c.LostAfter == 0 {
		c.LostAfter = 10 * time.Second
	}
	if c.DuplicateWindow == 0 {
		c.DuplicateWindow = 2 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Observer.Conflict = orIgnore(c.Observer.Conflict)
	c.Observer.Retry = orIgnore(c.Observer.Retry)
	c.Observer.AmbiguousAck = orIgnore(c.Observer.AmbiguousAck)
	return c
}

func orIgnore(told func(es.Stream)) func(es.Stream) {
	if told == nil {
		return func(es.Stream) {}
	}
	return told
}

func (c Config) check() error {
	if c.Partitions < 0 || c.Partitions > maxPartitions {
		return fmt.Errorf("%d partitions are configured; set ORCHESTRIX_PARTITIONS to 1 up to %d", c.Partitions, maxPartitions)
	}
	return es.CheckToken("prefix of the log", c.Prefix)
}

// The names of the log on the server.

func (l *Log) streamName(partition int) string {
	return l.config.Prefix + "_EVENTS_" + strconv.Itoa(partition)
}

func (l *Log) subjectOf(s es.Stream) string {
	return l.subjects + strconv.Itoa(l.partitionOf(s)) + "." + s.Tenant + "." + s.Category + "." + s.ID
}

func (l *Log) partitionOf(s es.Stream) int { return es.PartitionOf(s.Tenant, s.ID, l.partitions) }

// streamOf reads a subject. Its error says that no commit belongs there.
func (l *Log) streamOf(subject string) (es.Stream, error) {
	name, ours := strings.CutPrefix(subject, l.subjects)
	partition, rest, _ := strings.Cut(name, ".")
	var s es.Stream
	s.Tenant, rest, _ = strings.Cut(rest, ".")
	s.Category, s.ID, _ = strings.Cut(rest, ".")
	if !ours || strings.Count(name, ".") != 3 {
		return es.Stream{}, fmt.Errorf("%w: subject %q is not %s<partition>.<tenant>.<category>.<id>", es.ErrCorrupt, subject, l.subjects)
	}
	if err := s.Check(); err != nil {
		return es.Stream{}, fmt.Errorf("%w: subject %q: %w", es.ErrCorrupt, subject, err)
	}
	if belongs := l.partitionOf(s); strconv.Itoa(belongs) != partition {
		return s, fmt.Errorf("%w: %s is in partition %s, it belongs into %d", es.ErrCorrupt, s, partition, belongs)
	}
	return s, nil
}
