package service

import (
	"errors"
	"fmt"
	"time"
)

// minLeaseTTL leaves a worker time for several heartbeats.
const minLeaseTTL = time.Second

// configErrors collects the invalid values of a configuration.
type configErrors []error

func (w *configErrors) add(variable string, value any, allowed string) {
	*w = append(*w, fmt.Errorf("%s_%s is %v: it must be %s", Prefix, variable, value, allowed))
}

// between checks that least <= value <= most.
func (w *configErrors) between(variable string, value, least, most int) {
	if value < least || value > most {
		w.add(variable, value, fmt.Sprintf("%d to %d", least, most))
	}
}

func (w *configErrors) positive(variable string, value int) {
	if value < 1 {
		w.add(variable, value, "at least 1")
	}
}

func (w *configErrors) atLeast(variable string, value, least time.Duration) {
	if value < least {
		w.add(variable, value, fmt.Sprintf("at least %v", least))
	}
}

func (s settings) check() error {
	var w configErrors
	s.common.check(&w)
	if s.http != nil {
		w.positive("MAX_IN_FLIGHT", s.http.MaxInFlight)
	}
	s.own.check(&w)
	return errors.Join(append(w, s.connections.check())...)
}

func (c *Common) check(w *configErrors) {
	if _, err := parseLevel(c.LogLevel); err != nil {
		w.add("LOG_LEVEL", c.LogLevel, "debug, info, warn or error")
	}
	switch c.LogFormat {
	case "json", "text", "auto":
	default:
		w.add("LOG_FORMAT", c.LogFormat, "json, text or auto")
	}
	switch c.Log {
	case LogInJetStream, LogInPostgres:
	default:
		w.add("LOG", c.Log, LogInJetStream+" or "+LogInPostgres)
	}
	if r := c.Replicas; r != 1 && r != 3 && r != 5 {
		w.add("REPLICAS", r, "1, 3 or 5")
	}
	w.between("PARTITIONS", c.Partitions, 1, 256)
	w.between("DATABASE_CONNS", c.DatabaseConns, 2, 10_000)
	w.atLeast("SHUTDOWN_TIMEOUT", c.ShutdownTimeout, 0)
	w.atLeast("SHUTDOWN_DELAY", c.ShutdownDelay, 0)
}

func (c *CommandConfig) check(w *configErrors) {
	w.positive("CACHE_SIZE", c.CacheSize)
	w.positive("SNAPSHOT_EVERY", c.SnapshotEvery)
}

func (c *ProjectionConfig) check(w *configErrors) {
	w.between("BATCH", c.Batch, 1, 100_000)
	w.atLeast("LEASE_TTL", c.LeaseTTL, minLeaseTTL)
	w.atLeast("KEEP_OLD", c.KeepOld, 0)
}

func (c *ProcessConfig) check(w *configErrors) {
	w.positive("CACHE_SIZE", c.CacheSize)
	w.positive("SNAPSHOT_EVERY", c.SnapshotEvery)
	w.between("PARALLEL", c.Parallel, 1, 10_000)
	w.atLeast("LEASE_TTL", c.LeaseTTL, minLeaseTTL)
}

func (c *QueryConfig) check(*configErrors) {}
