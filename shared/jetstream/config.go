package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Config describes the log. Zero values take the defaults.
type Config struct {
	Partitions      int           // fixed when the log is created; 0: those of the existing log, or 4 for a new one
	Replicas        int           // of a new log; 1
	Prefix          string        // of the names of streams and, in lower case, of subjects; ORX
	Sender          string        // name of this service's user of NATS, of which the subject of its probes is made; orchestrix
	APIPrefix       string        // of the requests to JetStream, as this user calls them; $JS.API
	Writer          *nats.Conn    // that appends, where the user of the other connection may not; that connection
	AppendBudget    time.Duration // for one append, retries included; 15 s
	AckTimeout      time.Duration // for one answer of the server, before the result is read from the leader; 5 s
	LostAfter       time.Duration // without an answer of any leader, before another server of the cluster is tried: longer than an election; 10 s
	DuplicateWindow time.Duration // of a new log; 2 min
	HeldBytes       int           // of messages that a worker of the bus has in memory, shared by its partitions; 128 MiB
	Restore         bool          // for a restore: opens a log that an interrupted one has left
	Logger          *slog.Logger  // slog.Default()
	Observer        Observer      // none
}

// Observer counts what happens to appends, for metrics. Its functions may be nil, are called concurrently, and must not
// block.
type Observer struct {
	Conflict     func(core.Stream)      // the stream had another revision than expected
	Retry        func(core.Stream)      // the commit is published again
	AmbiguousAck func(core.Stream)      // the answer is missing, and the result is read from the leader
	Noise        func(partition string) // a reader, or an append, has passed over a message that is no commit
}

const (
	defaultPartitions = 4
	maxPartitions     = 256
	metaPartitions    = "orchestrix-partitions"
	metaFormat        = "orchestrix-format"
	metaRestoring     = "orchestrix-restoring"
)

// Format is the format of the log and of the bus that this package writes and reads: see docs/log-format.md.
const Format = "2"

func (c Config) withDefaults() Config {
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Sender == "" {
		c.Sender = defaultSender
	}
	if c.APIPrefix == "" {
		c.APIPrefix = defaultAPIPrefix
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
	if c.HeldBytes == 0 {
		c.HeldBytes = 128 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Observer.Conflict = orIgnore(c.Observer.Conflict)
	c.Observer.Retry = orIgnore(c.Observer.Retry)
	c.Observer.AmbiguousAck = orIgnore(c.Observer.AmbiguousAck)
	if c.Observer.Noise == nil {
		c.Observer.Noise = func(string) {}
	}
	return c
}

func orIgnore(observe func(core.Stream)) func(core.Stream) {
	if observe == nil {
		return func(core.Stream) {}
	}
	return observe
}

func (c Config) validate() error {
	if c.Partitions < 0 || c.Partitions > maxPartitions {
		return fmt.Errorf("%d partitions are configured; set ORCHESTRIX_PARTITIONS to 1 up to %d", c.Partitions, maxPartitions)
	}
	return errors.Join(core.CheckToken("prefix of the log", c.Prefix), core.CheckToken("sender", c.Sender))
}

// checkFormat refuses a stream of another format. Without metadata, a stream was not created by Orchestrix.
func checkFormat(c jetstream.StreamConfig) error {
	switch format := c.Metadata[metaFormat]; format {
	case Format:
		return nil
	case "1":
		return fmt.Errorf("stream %s has format 1, this program has format %s: back up the log with the program that wrote it, "+
			"and restore the backup into a new installation, see docs/guides/upgrade.md", c.Name, Format)
	default:
		return fmt.Errorf("stream %s has format %q, this program knows %q: use the program that created the stream, or a newer one", c.Name, format, Format)
	}
}
