package projection

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// Config configures a [Projector]. Zero values take the defaults.
type Config struct {
	Owner    string        // see [follower.Config]
	Batch    int           // maximum number of commits in one transaction; see [follower.Config]
	LeaseTTL time.Duration // see [follower.Config]
	KeepOld  time.Duration // see [follower.Config]
	Logger   *slog.Logger  // slog.Default()
	Observer Observer      // none
	System   string        // that stores the log, for traces: "nats"
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return c
}

// Store is what a projector and the parked events of its views need of a store.
type Store interface {
	port.ViewWriter
	port.BuildStore
	port.ParkedStore
}

// Projector keeps the views of a registry up to date. Several projectors share the work; see [follower.Follower].
type Projector struct {
	*follower.Follower
	observer Observer
	logger   *slog.Logger
	system   string
	views    []*core.ViewType
	batcher  *txBatcher

	mu      sync.Mutex
	skipped map[string]bool // types of undecodable events that were logged
}

// New returns a projector that follows feed.
func New(registry *core.Registry, feed port.Feed, views Store, config Config) *Projector {
	config = config.withDefaults()
	p := &Projector{
		observer: config.Observer, logger: config.Logger, system: config.System,
		views: registry.Views(), batcher: &txBatcher{views: views}, skipped: map[string]bool{},
	}
	consumers := make([]follower.Consumer, len(p.views))
	for i, view := range p.views {
		consumers[i] = follower.Consumer{Spec: view.ViewSpec, Open: func(build core.ViewSpec, partition int) follower.CommitHandler {
			return p.newViewHandler(view, build, partition)
		}}
	}
	p.Follower = follower.New(registry, feed, views, consumers, follower.Config{
		Owner: config.Owner, Batch: config.Batch, LeaseTTL: config.LeaseTTL, KeepOld: config.KeepOld, Logger: config.Logger,
		// It also drops the builds of views that no program has any more. Those of process runners are not its own: in the database,
		// process runners may have another role.
		Kind: port.ProjectionWorker, Owns: func(name string) bool { return !runtime.IsReservedName(name) },
		Undecodable: p.logUndecodable,
	})
	return p
}

// maxSkippedTypes limits how many types of undecodable events are logged: any client may write event types into the log.
const maxSkippedTypes = 1000

// logUndecodable logs, once for each type, events that can't be decoded and that no view folds. Those that a view folds are
// parked there.
func (p *Projector) logUndecodable(ctx context.Context, c *follower.DecodedCommit) {
	for i, err := range c.Errs {
		if err == nil || p.isFolded(c, i) || !p.isFirst(c.Events[i].Type) {
			continue
		}
		p.logger.WarnContext(ctx, "event skipped: it can't be decoded and no view folds it; others of its type are skipped without a log line",
			"type", c.Events[i].Type, "stream", c.Stream.String(), "position", c.Position.String(), "error", err)
	}
}

func (p *Projector) isFolded(c *follower.DecodedCommit, i int) bool {
	for _, view := range p.views {
		if mayFold(view, c, i) {
			return true
		}
	}
	return false
}

// isFirst reports whether the type was not logged before.
func (p *Projector) isFirst(eventType string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.skipped[eventType] || len(p.skipped) == maxSkippedTypes {
		return false
	}
	p.skipped[eventType] = true
	return true
}
