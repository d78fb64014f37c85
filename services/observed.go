package services

import (
	"orchestrix/shared/httpapi"
	"orchestrix/shared/observe"
	"orchestrix/shared/postgres"
	"orchestrix/shared/service"
	"orchestrix/shared/tracing"
)

// apiOptions are those of both APIs.
func apiOptions(env service.Env, config service.HTTP) httpapi.Options {
	return httpapi.Options{MaxInFlight: config.MaxInFlight, Logger: env.Logger, TraceID: tracing.ID}
}

// messagingSystem is what the log is kept in, as the conventions for traces call it.
func messagingSystem(env service.Env) string {
	if env.Common.Log == service.LogInPostgres {
		return "postgresql"
	}
	return "nats"
}

// observePool shows how the connections to Postgres stand.
func observePool(env service.Env, db *postgres.DB) {
	env.Admin.Metrics.Postgres(func() observe.Pool {
		s := db.Pool().Stat()
		return observe.Pool{
			Idle: s.IdleConns(), InUse: s.AcquiredConns(), Max: s.MaxConns(),
			Acquires: s.AcquireCount(), Waits: s.EmptyAcquireCount(), WaitTime: s.EmptyAcquireWaitTime(),
		}
	})
}
