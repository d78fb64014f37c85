package platform

import (
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// messagingSystem is the store of the log, as the OpenTelemetry conventions name it.
func messagingSystem(env service.Env) string {
	if env.Common.Log == service.LogInPostgres {
		return "postgresql"
	}
	return "nats"
}

// observePool exports the state of the connection pool of Postgres as metrics.
func observePool(env service.Env, db *postgres.DB) {
	env.Admin.Metrics.Postgres(func() observe.Pool {
		s := db.Pool().Stat()
		return observe.Pool{
			Idle: s.IdleConns(), InUse: s.AcquiredConns(), Max: s.MaxConns(),
			Acquires: s.AcquireCount(), Waits: s.EmptyAcquireCount(), WaitTime: s.EmptyAcquireWaitTime(),
		}
	})
}
