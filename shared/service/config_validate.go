package service

import (
	"errors"
	"fmt"
	"time"
)

// minLeaseTTL leaves a worker time for several heartbeats.
const minLeaseTTL = time.Second

// violations are the invalid settings of a configuration.
type violations []error

func (v *violations) reject(variable string, value any, allowed string) {
	*v = append(*v, fmt.Errorf("%s_%s is %v: it must be %s", Prefix, variable, value, allowed))
}

func (v *violations) requireRange(variable string, value, low, high int) {
	if value < low || value > high {
		v.reject(variable, value, fmt.Sprintf("%d to %d", low, high))
	}
}

func (v *violations) requirePositive(variable string, value int) {
	if value < 1 {
		v.reject(variable, value, "at least 1")
	}
}

func (v *violations) requireAtLeast(variable string, value, least time.Duration) {
	if value < least {
		v.reject(variable, value, fmt.Sprintf("at least %v", least))
	}
}

func (s settings) validate() error {
	var v violations
	s.common.validate(&v)
	if s.http != nil {
		s.http.validate(&v)
	}
	s.own.validate(&v)
	return errors.Join(append(v, s.connections.validate())...)
}

func (c *Common) validate(v *violations) {
	c.validateAdmin(v)
	if _, err := parseLevel(c.LogLevel); err != nil {
		v.reject("LOG_LEVEL", c.LogLevel, "debug, info, warn or error")
	}
	switch c.LogFormat {
	case "json", "text", "auto":
	default:
		v.reject("LOG_FORMAT", c.LogFormat, "json, text or auto")
	}
	switch c.Log {
	case LogInJetStream, LogInPostgres:
	default:
		v.reject("LOG", c.Log, LogInJetStream+" or "+LogInPostgres)
	}
	if r := c.Replicas; r != 1 && r != 3 && r != 5 {
		v.reject("REPLICAS", r, "1, 3 or 5")
	}
	v.requireRange("PARTITIONS", c.Partitions, 1, 256)
	v.requireRange("DATABASE_CONNS", c.DatabaseConns, 2, 10_000)
	v.requireAtLeast("SHUTDOWN_TIMEOUT", c.ShutdownTimeout, 0)
	v.requireAtLeast("SHUTDOWN_DELAY", c.ShutdownDelay, 0)
}

// validateAdmin refuses an admin port without tokens: before there was [Common.HealthAddr], it served health and metrics to all.
func (c *Common) validateAdmin(v *violations) {
	if c.AdminTokenFile == "" && c.AdminAddr != "" {
		*v = append(*v, fmt.Errorf("%[1]s_ADMIN_ADDR is %[2]s, and there is no %[1]s_ADMIN_TOKEN_FILE: name a file with the tokens of operators; "+
			"or, for health, readiness and metrics alone, set %[1]s_HEALTH_ADDR instead", Prefix, c.AdminAddr))
	}
	if c.AdminTokenFile == "" && c.Pprof {
		v.reject("PPROF", c.Pprof, "false without "+Prefix+"_ADMIN_TOKEN_FILE: profiles are on the admin port")
	}
}

func (h *HTTP) validate(v *violations) {
	v.requirePositive("MAX_IN_FLIGHT", h.MaxInFlight)
	if h.MaxBytesInFlight < minBytes {
		v.reject("MAX_BYTES_IN_FLIGHT", h.MaxBytesInFlight, fmt.Sprintf("at least %d, or 0", minBytes))
	}
	if _, err := (WebGuard{Origins: h.TrustedOrigins}).Protect(nil); err != nil {
		*v = append(*v, fmt.Errorf("%s_TRUSTED_ORIGINS: %w", Prefix, err))
	}
}

func (c *CommandConfig) validate(v *violations) {
	v.requirePositive("CACHE_SIZE", c.CacheSize)
	v.requirePositive("CACHE_BYTES", c.CacheBytes)
	v.requirePositive("SNAPSHOT_EVERY", c.SnapshotEvery)
}

func (c *ProjectionConfig) validate(v *violations) {
	v.requireRange("BATCH", c.Batch, 1, 100_000)
	v.requireAtLeast("LEASE_TTL", c.LeaseTTL, minLeaseTTL)
	v.requireAtLeast("KEEP_OLD", c.KeepOld, 0)
}

func (c *ProcessConfig) validate(v *violations) {
	v.requirePositive("CACHE_SIZE", c.CacheSize)
	v.requirePositive("CACHE_BYTES", c.CacheBytes)
	v.requirePositive("SNAPSHOT_EVERY", c.SnapshotEvery)
	v.requireRange("PARALLEL", c.Parallel, 1, 10_000)
	v.requireAtLeast("LEASE_TTL", c.LeaseTTL, minLeaseTTL)
}

func (c *QueryConfig) validate(v *violations) { v.requirePositive("MAX_WAITING", c.MaxWaiting) }
