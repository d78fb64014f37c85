// Command generate writes the dashboards and the alert rules of deploy/observe. Run it from the root of the repository:
//
//	go run ./deploy/observe/generate
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	files, err := generate()
	for name, content := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join("deploy", "observe", name), content, 0o644) //nolint:gosec // they are public
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// generate returns the files by their name in deploy/observe.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{"alerts.yml": rules(alerts)}
	for _, d := range dashboards {
		text, err := json.MarshalIndent(d.grafana(), "", "  ")
		if err != nil {
			return nil, err
		}
		files["dashboards/"+strings.TrimPrefix(d.uid, "orchestrix-")+".json"] = append(text, '\n')
	}
	return files, nil
}

// rules are the alerts as a rule file of Prometheus. Texts are quoted as JSON does, which YAML reads as well.
func rules(alerts []alert) []byte {
	var text strings.Builder
	text.WriteString("# Written by deploy/observe/generate; change it there.\ngroups:\n  - name: orchestrix\n    rules:\n")
	for _, a := range alerts {
		fmt.Fprintf(&text, "      - alert: %s\n        expr: %s\n        for: %s\n        labels:\n          severity: %s\n        annotations:\n          summary: %s\n          runbook_url: %s\n",
			"Orchestrix"+a.name, strconv.Quote(a.expr), a.wait, a.severity, strconv.Quote(a.summary), strconv.Quote(runbook+"#"+a.anchor()))
	}
	return []byte(text.String())
}

const runbook = "docs/operations.md"

// anchor is the link target of the heading with the alert's name.
func (a alert) anchor() string { return strings.ToLower(a.name) }

type object = map[string]any

// source is the data source that is chosen on the page.
var source = object{"type": "prometheus", "uid": "${datasource}"}

const (
	pageWidth   = 24
	panelHeight = 8
	statHeight  = 4
)

func (d dashboard) grafana() object {
	panels := []object{}
	x, y, height := 0, 0, 0
	for i, p := range d.panels {
		w, h := p.size()
		if x+w > pageWidth || height != 0 && h != height {
			x, y = 0, y+height
		}
		panel := p.grafana(i + 1)
		panel["gridPos"] = object{"x": x, "y": y, "w": w, "h": h}
		panels = append(panels, panel)
		x, height = x+w, h
	}
	return object{
		"uid": d.uid, "title": d.title, "tags": []string{"orchestrix"}, "schemaVersion": 39, "version": 1, "editable": true,
		"refresh": "30s", "time": object{"from": "now-1h", "to": "now"}, "timezone": "", "graphTooltip": 1, "annotations": object{"list": []any{}},
		"links": []object{{
			"type": "dashboards", "title": "Orchestrix", "icon": "external link", "tooltip": "", "tags": []string{"orchestrix"},
			"asDropdown": true, "targetBlank": false, "includeVars": false, "keepTime": true,
		}},
		"templating": object{"list": []object{{
			"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0,
			"current": object{"text": "default", "value": "default"},
		}}},
		"panels": panels,
	}
}

func (p panel) size() (width, height int) {
	width, height = 12, panelHeight
	if p.width != 0 {
		width = p.width
	}
	if p.kind == "stat" {
		height = statHeight
	}
	return width, height
}

// options are those of a kind of panel, including what Grafana has no default for.
var options = map[string]object{
	"timeseries": {
		"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	},
	"stat": {
		"graphMode": "area", "colorMode": "value", "justifyMode": "auto", "textMode": "auto", "wideLayout": true, "orientation": "auto",
		"showPercentChange": false, "percentChangeColorMode": "standard", "reduceOptions": object{"calcs": []string{"lastNotNull"}},
	},
}

func (p panel) grafana(id int) object {
	kind := p.kind
	if kind == "" {
		kind = "timeseries"
	}
	targets := []object{}
	for i, q := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend, "exemplar": strings.Contains(q.expr, "_duration_seconds_bucket"),
		})
	}
	return object{
		"id": id, "type": kind, "title": p.title, "description": p.about, "datasource": source, "targets": targets, "options": options[kind],
		"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": []any{}},
	}
}
