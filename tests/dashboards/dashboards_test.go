// Package dashboards checks deploy/observe/dashboards with Grafana's own types, without Grafana.
package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

func TestMain(m *testing.M) {
	plugins.RegisterDefaultPlugins() // panels and queries are decoded by their kind
	os.Exit(m.Run())
}

// knownUnits are those that are used; Grafana shows the name of any other behind the value.
var knownUnits = []string{
	units.Seconds, units.OpsPerSecond, units.Percent, units.PercentUnit, units.Short, units.BytesIEC, units.BytesPerSecondSI,
}

// variable is a reference to one; those of Grafana itself begin with two underscores.
var variable = regexp.MustCompile(`\$\{?([a-z_]\w*)|\[\[([a-z_]\w*)`)

// problems are the parts of a dashboard that Grafana would reject, ignore or misread.
func problems(text []byte) (found []string) {
	var strict, page dashboard.Dashboard //nolint:staticcheck // its successor is for the API of Grafana 12, not for files
	found = append(found, told(strict.UnmarshalJSONStrict(text))...)
	if err := json.Unmarshal(text, &page); err != nil {
		return append(found, err.Error())
	}
	found = append(found, told(page.Validate())...)
	defined := []string{"__rate_interval"}
	for _, v := range page.Templating.List {
		defined = append(defined, v.Name)
	}
	for _, use := range variable.FindAllStringSubmatch(string(text), -1) {
		if name := use[1] + use[2]; !slices.Contains(defined, name) {
			found = append(found, "the variable "+name+" is not there")
		}
	}
	ids := map[uint32]bool{}
	for i, p := range page.Panels {
		if p.Panel == nil {
			found = append(found, fmt.Sprintf("panels[%d] is a row", i))
			continue
		}
		for _, problem := range panelProblems(*p.Panel, ids) {
			found = append(found, fmt.Sprintf("panels[%d] %s", i, problem))
		}
	}
	return found
}

func panelProblems(p dashboard.Panel, ids map[uint32]bool) (found []string) {
	if _, ok := cog.ConfigForPanelcfgVariant(p.Type); !ok {
		found = append(found, "is of the kind "+p.Type+", which Grafana does not have")
	}
	if p.Id == nil || ids[*p.Id] {
		found = append(found, "has no id of its own")
	} else {
		ids[*p.Id] = true
	}
	if unit := p.FieldConfig.Defaults.Unit; unit == nil || !slices.Contains(knownUnits, *unit) {
		found = append(found, "has an unknown unit")
	}
	names := map[string]bool{}
	for _, target := range p.Targets {
		query, ok := target.(*prometheus.Dataquery)
		if !ok {
			found = append(found, fmt.Sprintf("has a query that is a %T", target))
			continue
		}
		if query.RefId == nil || names[*query.RefId] {
			found = append(found, "has a query without a name of its own")
			continue
		}
		names[*query.RefId] = true
	}
	if len(names) == 0 {
		found = append(found, "has no query")
	}
	return found
}

// told are the lines of an error message. Grafana's decoders return an empty list of errors where there is none.
func told(err error) []string {
	var list cog.BuildErrors
	if err == nil || errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

const folder = "../../deploy/observe/dashboards"

func TestGrafanaUnderstandsTheDashboards(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems(text) {
			t.Errorf("%s: %s", file, problem)
		}
	}
}

// Likely mistakes. Each must be found.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(folder, "overview.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"a field that a page does not have":     {`"editable"`, `"editible"`, "unexpected field 'editible'"},
		"a field that a query does not have":    {`"legendFormat"`, `"legend"`, "unexpected field 'legend'"},
		"a field that is missing in an option":  {`"graphMode": "area",`, ``, "options.graphMode: required field is missing"},
		"an option of another kind of panel":    {`"graphMode"`, `"fillMode"`, "unexpected field 'fillMode'"},
		"a number that is a text":               {`"graphTooltip": 1`, `"graphTooltip": "1"`, "cannot unmarshal string"},
		"a width beyond the page":               {`"w": 12`, `"w": 25`, "gridPos.w"},
		"a kind of panel that is not there":     {`"type": "stat"`, `"type": "stats"`, "is of the kind stats"},
		"two panels of one id":                  {`"id": 2,`, `"id": 1,`, "panels[1] has no id of its own"},
		"a unit that is not there":              {`"unit": "ops"`, `"unit": "perSecond"`, "has an unknown unit"},
		"a data source that is not there":       {`"${datasource}"`, `"${source}"`, "the variable source is not there"},
		"a query of another kind of source":     {`"type": "prometheus"`, `"type": "loki"`, "has a query that is a *loki.Dataquery"},
		"an interval that Grafana does not set": {`$__rate_interval`, `$__rateinterval`, "the variable __rateinterval is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.ReplaceAll(string(text), test.old, test.new)
			if changed == string(text) {
				t.Fatalf("the file does not hold %q", test.old)
			}
			found := problems([]byte(changed))
			if !slices.ContainsFunc(found, func(line string) bool { return strings.Contains(line, test.want) }) {
				t.Errorf("%q is not among\n%s", test.want, strings.Join(found, "\n"))
			}
		})
	}
}
