package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" { // the test binary is what a row starts as its baseline
		os.Exit(runRole(role))
	}
	m.Run()
}

// The benchmark itself has to keep working. Figures of so short a run mean nothing and are not compared.
func TestRowsCanBeMeasured(t *testing.T) {
	t.Parallel()
	picture := filepath.Join(t.TempDir(), "latency.svg")
	s := settings{quick: true, runs: 1, seconds: 0.1, only: "new-relaxed,view", output: "json", svg: picture}
	var out bytes.Buffer
	if err := run(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 3 || len(got.Figures) != 5 {
		t.Errorf("%d rows and %d figures, want 3 and 5", len(got.Rows), len(got.Figures))
	}
	for _, r := range got.Rows {
		if !(r.Value > 0) {
			t.Errorf("%s, %s: %v", r.Group, r.What, r.Value)
		}
	}
	drawn, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
}

func TestRatiosAreOfWhatWasMeasuredTogether(t *testing.T) {
	t.Parallel()
	m := measured{samples: map[string][]sample{
		"a": {{Rate: 10}, {Rate: 30}, {Rate: 90}},
		"b": {{Rate: 10}, {Rate: 10}, {Rate: 10}},
	}}
	if got := median(m.compare(comparison{subject: "a", base: "b", metric: rate})); got != 3 {
		t.Errorf("the median of 1, 3 and 9 is %v", got)
	}
	if got := median(m.compare(comparison{subject: "a", metric: "nothing"})); !math.IsNaN(got) {
		t.Errorf("a metric that was not measured is %v", got)
	}
}

func TestRowsHaveNamesOfTheirOwnAndKnownVariants(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, g := range groups {
		if seen[g.name] {
			t.Errorf("two rows are called %s", g.name)
		}
		seen[g.name] = true
		if len(g.comparisons) == 0 {
			t.Errorf("%s compares nothing", g.name)
		}
	}
	if _, err := (settings{only: "new,nothing"}).chosen(); err == nil {
		t.Error("a row that does not exist can be chosen")
	}
}
