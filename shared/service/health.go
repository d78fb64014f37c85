package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/redact"
)

const (
	probeTimeout = 2 * time.Second
	probeAge     = 500 * time.Millisecond // how long a report is reused
)

// Check is one dependency of a service.
type Check struct {
	Name     string
	Optional bool // the service is ready without it
	Probe    func(ctx context.Context) error
}

// Health reports whether a service is alive and ready. It is starting until [Health.Started], then ready while every
// check that is not optional succeeds, and draining after [Health.Draining].
type Health struct {
	mu     sync.Mutex
	phase  string
	checks []Check

	probing sync.Mutex // held while the dependencies are probed
	report  healthReport
	taken   time.Time
}

const (
	starting = "starting"
	started  = "ready"
	draining = "draining"
	notReady = "not-ready"
)

type healthReport struct {
	Status string        `json:"status"`
	Checks []checkReport `json:"checks"`
}

type checkReport struct {
	Name     string `json:"name"`
	Status   string `json:"status"` // "ok" or "failing"
	Optional bool   `json:"optional,omitempty"`
	Error    string `json:"error,omitempty"`
}

// NewHealth returns the health of a service that is starting.
func NewHealth() *Health { return &Health{phase: starting} }

// Add adds checks to later reports.
func (h *Health) Add(checks ...Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, checks...)
}

// Started marks the service as ready.
func (h *Health) Started() { h.setPhase(started) }

// Draining marks the service as about to stop.
func (h *Health) Draining() { h.setPhase(draining) }

func (h *Health) setPhase(phase string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phase = phase
}

// ServeAlive answers 200: the process runs and serves.
func (h *Health) ServeAlive(w http.ResponseWriter, _ *http.Request) {
	adminapi.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ServeReady answers 200 where the service is ready, else 503, and names each dependency with its error.
func (h *Health) ServeReady(w http.ResponseWriter, r *http.Request) {
	report := h.ready(r.Context())
	status := http.StatusOK
	if report.Status != started {
		status = http.StatusServiceUnavailable
	}
	adminapi.WriteJSON(w, status, report)
}

// Ready returns nil if the service is ready, else an error that names the failing dependency.
func (h *Health) Ready(ctx context.Context) error {
	report := h.ready(ctx)
	if report.Status == started {
		return nil
	}
	for _, c := range report.Checks {
		if c.Error != "" {
			return fmt.Errorf("%s: %s: %s", report.Status, c.Name, c.Error)
		}
	}
	return errors.New(report.Status)
}

func (h *Health) ready(ctx context.Context) healthReport {
	report := h.probe(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.phase != started {
		report.Status = h.phase
	}
	return report
}

// probe checks all dependencies concurrently. Concurrent callers share one report.
func (h *Health) probe(ctx context.Context) healthReport {
	h.probing.Lock()
	defer h.probing.Unlock()
	if time.Since(h.taken) < probeAge {
		return h.report
	}
	h.mu.Lock()
	checks := h.checks
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	report := healthReport{Status: started, Checks: make([]checkReport, len(checks))}
	var probes sync.WaitGroup
	for i, c := range checks {
		probes.Go(func() { report.Checks[i] = c.report(ctx) })
	}
	probes.Wait()
	for _, c := range report.Checks {
		if c.Error != "" && !c.Optional {
			report.Status = notReady
		}
	}
	h.report, h.taken = report, time.Now()
	return report
}

func (c Check) report(ctx context.Context) checkReport {
	result := checkReport{Name: c.Name, Status: "ok", Optional: c.Optional}
	if err := c.Probe(ctx); err != nil {
		result.Status, result.Error = "failing", redact.Text(err.Error())
	}
	return result
}
