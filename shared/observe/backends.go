package observe

import "time"

// Pool is the state of a connection pool of Postgres.
type Pool struct {
	Idle, InUse, Max int32
	Acquires, Waits  int64
	WaitTime         time.Duration
}

// Postgres adds the metrics of a pool, which stat returns for each scrape.
func (m *Metrics) Postgres(stat func() Pool) {
	m.scrapes.add(func(emit emit) {
		p := stat()
		emit(poolConns, float64(p.Idle), "idle")
		emit(poolConns, float64(p.InUse), "in_use")
		emit(poolMax, float64(p.Max))
		emit(poolAcquires, float64(p.Acquires))
		emit(poolWaits, float64(p.Waits))
		emit(poolWaitTime, p.WaitTime.Seconds())
	})
}

// NATS adds the metrics of a connection: whether it is established, and the number of reconnections.
func (m *Metrics) NATS(stat func() (connected bool, reconnects uint64)) {
	m.scrapes.add(func(emit emit) {
		connected, reconnects := stat()
		value := 0.0
		if connected {
			value = 1
		}
		emit(natsConns, value)
		emit(natsReconnect, float64(reconnects))
	})
}
