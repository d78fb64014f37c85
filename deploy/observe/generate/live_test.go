package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// rare are metrics that exist only after an unusual event, which need not have happened.
var rare = []string{
	"orchestrix_command_conflicts_total",     // two writers were at the same aggregate
	"orchestrix_append_retries_total",        // NATS did not answer in time
	"orchestrix_append_ambiguous_acks_total", // nor did it later
	"orchestrix_bus_dead_letters",            // a message could not be handled
	"orchestrix_snapshots_total",             // a stream has grown long
	"orchestrix_projection_rebuild_ratio",    // a view was built again
}

// A Prometheus that scrapes a platform under load, such as the one that tests/compose/test.sh starts, accepts the rules,
// reaches all targets, and has the metrics of all panels and rules.
func TestAPrometheusHasWhatIsUsed(t *testing.T) {
	t.Parallel()
	address := os.Getenv("ORCHESTRIX_PROMETHEUS")
	if address == "" {
		t.Skip("set ORCHESTRIX_PROMETHEUS to the URL of a Prometheus, such as http://localhost:9090")
	}
	p := prometheus(address)
	// By then everything was scraped twice, and every rule evaluated.
	soon := deadline(time.Now().Add(3 * time.Minute))
	soon.await(t, p.targets)
	soon.await(t, p.rules)
	metrics := map[string]bool{}
	use := func(expr string) {
		selected, _ := metricsOf(expr)
		for name := range selected {
			metrics[name] = true
		}
	}
	for _, a := range alerts {
		use(a.expr)
	}
	for _, d := range dashboards {
		for _, panel := range d.panels {
			for _, q := range panel.queries {
				use(q.expr)
				soon.await(t, func() error { return p.shows(d.title+", "+panel.title, q.expr) })
			}
		}
	}
	for name := range metrics {
		if !slices.Contains(rare, name) {
			soon.await(t, func() error { return p.has(name) })
		}
	}
	t.Logf("%d metrics, %d dashboards, %d alerts", len(metrics), len(dashboards), len(alerts))
}

// deadline is how long a check may take to succeed.
type deadline time.Time

// await repeats a check until it succeeds or its deadline has passed.
func (d deadline) await(t *testing.T, try func() error) {
	t.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(time.Time(d)) {
			t.Error(err)
			return
		}
		time.Sleep(time.Second)
	}
}

// prometheus is the URL of a Prometheus.
type prometheus string

func (p prometheus) get(path string, data any) error {
	response, err := http.Get(string(p) + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Warnings      []string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" || len(answer.Warnings) > 0 {
		return fmt.Errorf("%s: %s, %s, %v", path, answer.Status, answer.Error, answer.Warnings)
	}
	return nil
}

// targets returns an error with the jobs without a target, and the targets that can't be scraped.
func (p prometheus) targets() error {
	var found struct {
		ActiveTargets []struct {
			Labels                       map[string]string
			ScrapeURL, Health, LastError string
		}
	}
	if err := p.get("targets?state=active", &found); err != nil {
		return err
	}
	var problems []error
	jobs := map[string]bool{}
	for _, target := range found.ActiveTargets {
		jobs[target.Labels["job"]] = true
		if target.Health != "up" {
			problems = append(problems, fmt.Errorf("%s is %s: %s", target.ScrapeURL, target.Health, target.LastError))
		}
	}
	for _, job := range []string{"command", "projection", "process", "query", "nats", "postgres"} {
		if !jobs[job] {
			problems = append(problems, fmt.Errorf("job %s has no target", job))
		}
	}
	return errors.Join(problems...)
}

// rules returns an error with the alerts that are missing, or could not be evaluated.
func (p prometheus) rules() error {
	var found struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := p.get("rules?type=alert", &found); err != nil {
		return err
	}
	health := map[string]string{}
	for _, group := range found.Groups {
		for _, rule := range group.Rules {
			health[rule.Name] = rule.Health + rule.LastError
		}
	}
	var problems []error
	for _, a := range alerts {
		if got := health["Orchestrix"+a.name]; got != "ok" {
			problems = append(problems, fmt.Errorf("the rule %s is %q", a.name, got))
		}
	}
	return errors.Join(problems...)
}

// has returns an error where a metric had no series in the last hour.
func (p prometheus) has(metric string) error {
	values, err := p.query("last_over_time(" + metric + "[1h])")
	if err == nil && values == 0 {
		err = fmt.Errorf("no series of %s", metric)
	}
	return err
}

// shows returns an error where an expression can't be evaluated, or has no value although its metrics exist.
func (p prometheus) shows(where, expr string) error {
	values, err := p.query(strings.ReplaceAll(expr, "$__rate_interval", "2m"))
	if err != nil || values > 0 {
		return err
	}
	selected, _ := metricsOf(expr)
	for name := range selected {
		if values, err := p.query(name); err != nil || values == 0 {
			return err
		}
	}
	return fmt.Errorf("%s: there is no value of %s", where, expr)
}

// query returns how many values an expression has now.
func (p prometheus) query(expr string) (values int, err error) {
	var found struct{ Result []json.RawMessage }
	if err := p.get("query?"+url.Values{"query": {expr}}.Encode(), &found); err != nil {
		return 0, fmt.Errorf("%s: %w", expr, err)
	}
	return len(found.Result), nil
}
