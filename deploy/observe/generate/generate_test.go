package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/observe"
)

const repository = "../../.."

func TestTheFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(repository, "deploy", "observe", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what deploy/observe/generate writes (%v): run it", name, err)
		}
	}
	for _, folder := range []string{"", "dashboards"} {
		entries, err := os.ReadDir(filepath.Join(repository, "deploy", "observe", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if _, ok := files[filepath.ToSlash(filepath.Join(folder, entry.Name()))]; !ok && !entry.IsDir() && entry.Name() != "README.md" {
				t.Errorf("nothing writes %s/%s", folder, entry.Name())
			}
		}
	}
}

// others are the metrics that do not come from Orchestrix.
var others = map[string][]string{
	"prometheus": {"up"},
	"the Go runtime and the process": {
		"go_goroutines", "go_gc_duration_seconds_sum", "process_cpu_seconds_total", "process_resident_memory_bytes",
	},
	"prometheus-nats-exporter, -varz -jsz=all": {
		"gnatsd_varz_in_msgs", "gnatsd_varz_out_msgs", "gnatsd_varz_in_bytes", "gnatsd_varz_out_bytes", "gnatsd_varz_slow_consumers",
		"gnatsd_varz_mem", "gnatsd_varz_cpu", "jetstream_server_total_message_bytes", "jetstream_server_max_storage",
		"jetstream_stream_total_messages", "jetstream_stream_total_bytes", "jetstream_stream_consumer_count", "jetstream_consumer_num_pending",
	},
	"postgres_exporter": {
		"pg_stat_database_numbackends", "pg_settings_max_connections", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback",
		"pg_stat_database_blks_hit", "pg_stat_database_blks_read", "pg_stat_database_tup_inserted", "pg_stat_database_tup_updated",
		"pg_stat_database_tup_deleted", "pg_stat_database_deadlocks", "pg_database_size_bytes", "pg_locks_count",
	},
}

// known are the labels of every metric that may be used, by its name; nil for metrics of other programs.
func known() map[string][]string {
	metrics := map[string][]string{}
	for _, m := range observe.Contract() {
		labels := append([]string{"job", "instance"}, m.Labels...)
		metrics[m.Name] = labels
		if m.Kind == observe.Histogram {
			metrics[m.Name+"_bucket"] = append(labels, "le")
			metrics[m.Name+"_sum"], metrics[m.Name+"_count"] = labels, labels
			delete(metrics, m.Name)
		}
	}
	for _, names := range others {
		for _, name := range names {
			metrics[name] = nil
		}
	}
	return metrics
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	grouping = regexp.MustCompile(`\b(by|on|without|ignoring|group_left|group_right) *\(([^)]*)\)`)
	selector = regexp.MustCompile(`([a-z_][a-z0-9_:]*)?\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_][a-z0-9_]*) *(?:=~|!~|!=|=)`)
	window   = regexp.MustCompile(`\[[^\]]*\]`)
	word     = regexp.MustCompile(`\b[a-zA-Z_][a-zA-Z0-9_:]*(?: *\()?`)
)

// metricsOf are the metrics of an expression, and by metric the labels that it is selected by. groups are the labels that
// it is grouped by.
func metricsOf(expr string) (selected map[string][]string, groups []string) {
	selected = map[string][]string{}
	expr = quoted.ReplaceAllString(expr, "")
	expr = window.ReplaceAllString(expr, "")
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		groups = append(groups, strings.FieldsFunc(g[2], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	expr = grouping.ReplaceAllString(expr, " ")
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			selected[s[1]] = append(selected[s[1]], m[1])
		}
	}
	expr = selector.ReplaceAllString(expr, "$1 ")
	for _, w := range word.FindAllString(expr, -1) {
		if strings.HasSuffix(w, "(") || slices.Contains([]string{"and", "or", "unless", "bool", "offset"}, w) {
			continue // a function
		}
		if _, ok := selected[w]; !ok {
			selected[w] = nil
		}
	}
	return selected, groups
}

func checkExpression(t *testing.T, where, expr string) {
	t.Helper()
	metrics := known()
	selected, groups := metricsOf(expr)
	if len(selected) == 0 {
		t.Errorf("%s uses no metric: %s", where, expr)
	}
	own, all := true, []string{}
	for name, labels := range selected {
		allowed, ok := metrics[name]
		if !ok {
			t.Errorf("%s uses the unknown metric %q: %s", where, name, expr)
		}
		if own = own && allowed != nil; allowed == nil {
			continue
		}
		all = append(all, allowed...)
		for _, label := range labels {
			if !slices.Contains(allowed, label) {
				t.Errorf("%s selects %s by %q, which it does not have: %s", where, name, label, expr)
			}
		}
	}
	for _, label := range groups {
		if own && !slices.Contains(all, label) {
			t.Errorf("%s groups by %q, which its metrics don't have: %s", where, label, expr)
		}
	}
}

func TestTheCheckSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	selected, groups := metricsOf(`histogram_quantile(0.99, sum by (le, view) (rate(a_bucket{x="b{c}",y=~"d"}[5m]))) > 1 unless on (view) max(e offset 5m)`)
	if len(selected) != 2 || !slices.Equal(selected["a_bucket"], []string{"x", "y"}) || selected["e"] != nil || !slices.Equal(groups, []string{"le", "view", "view"}) {
		t.Errorf("found %v and %v", selected, groups)
	}
}

// Panels are read from the files as Grafana reads them.
func TestPanelsUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository, "deploy", "observe", "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	uids := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			UID, Title string
			Panels     []struct {
				ID      int
				Title   string
				GridPos struct{ X, Y, W, H int }
				Targets []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal(text, &page); err != nil || page.UID == "" || uids[page.UID] {
			t.Fatalf("%s: uid %q, %v", file, page.UID, err)
		}
		uids[page.UID] = true
		taken := map[[2]int]bool{}
		for _, p := range page.Panels {
			for _, target := range p.Targets {
				checkExpression(t, page.Title+", "+p.Title, target.Expr)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if taken[[2]int{x, y}] || x >= pageWidth {
						t.Fatalf("%s, %s: lies over another panel, or outside", page.Title, p.Title)
					}
					taken[[2]int{x, y}] = true
				}
			}
		}
	}
}

func TestAlertsUseMetricsThatExistAndHaveARunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, runbook))
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			headings[strings.TrimSpace(heading)] = true
		}
	}
	names := map[string]bool{}
	for _, a := range alerts {
		if names[a.name] {
			t.Errorf("there are two alerts %s", a.name)
		}
		names[a.name] = true
		checkExpression(t, a.name, a.expr)
		if !headings[a.name] {
			t.Errorf("%s has no section ### %s", runbook, a.name)
		}
		if a.summary == "" || a.wait == "" || a.severity != "page" && a.severity != "ticket" {
			t.Errorf("%s is not complete: %+v", a.name, a)
		}
	}
}

// Where promtool is installed, it checks the rules too.
func TestPrometheusTakesTheRules(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", filepath.Join(repository, "deploy", "observe", "alerts.yml")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// A panel's expression is checked as a rule of its own.
	var rules []alert
	for _, d := range dashboards {
		for _, p := range d.panels {
			for _, q := range p.queries {
				rules = append(rules, alert{name: "Panel", expr: strings.ReplaceAll(q.expr, "$__rate_interval", "5m"), wait: "1m", severity: "page", summary: d.title + ", " + p.title})
			}
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(file, renamed(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// renamed makes rules of different names.
func renamed(all []alert) []byte {
	for i := range all {
		all[i].name += strings.Repeat("I", i+1)
	}
	return rules(all)
}
