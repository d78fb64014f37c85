package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// logged is an event as the tool prints it.
type logged struct {
	Subject       string  `json:"subject"`
	CommandID     string  `json:"commandid"`
	StreamVersion float64 `json:"streamversion"`
	Position      string  `json:"position"`

	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// checkJournal compares the acknowledged commands with the log: each is there once, at the acknowledged position; the
// versions of each stream have no gap; and the views equal the folded log.
func checkJournal(t testing.TB, p *platform, l *load) {
	t.Helper()
	for _, answer := range l.strange {
		t.Errorf("a client got %s", answer)
	}
	events := readLog(t, p)
	byCommand := map[string][]logged{}
	byStream := map[string][]float64{}
	for _, e := range events {
		key := e.Subject + " " + e.CommandID
		byCommand[key] = append(byCommand[key], e)
		byStream[e.Subject] = append(byStream[e.Subject], e.StreamVersion)
	}
	for _, a := range l.journal {
		there := byCommand[a.Stream+" "+a.ID]
		if len(there) != a.Events {
			t.Errorf("command %s of %s was acknowledged with %d events, the log holds %d of it", a.ID, a.Stream, a.Events, len(there))
			continue
		}
		if last := there[len(there)-1]; last.Position != a.Position || last.StreamVersion != a.Version {
			t.Errorf("command %s of %s was acknowledged with version %v at %s, the log holds version %v at %s", a.ID, a.Stream, a.Version, a.Position, last.StreamVersion, last.Position)
		}
	}
	for command, there := range byCommand {
		for _, e := range there {
			if e.Position != there[0].Position {
				t.Errorf("command %s is in the log at %s and at %s", command, there[0].Position, e.Position)
			}
		}
	}
	for stream, versions := range byStream {
		slices.Sort(versions)
		for i, v := range versions {
			if v != float64(i+1) {
				t.Errorf("%s has the versions %v", stream, versions)
				break
			}
		}
	}
	eventually(t, "the views are what the log folds to", func() error {
		_, err := tryTool(t, append([]string{"verify", "--sample", "0"}, p.where()...)...)
		return err
	})
}

func readLog(t testing.TB, p *platform) (events []logged) {
	t.Helper()
	out := tool(t, append([]string{"events", "-o", "json"}, p.where()...)...)
	scanner := bufio.NewScanner(strings.NewReader(out))
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		var e logged
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatalf("orchestrix events printed %.200s: %v", scanner.Text(), err)
		}
		events = append(events, e)
	}
	return events
}

// report is a summary of a test with faults, in one line.
func (l *load) report(faults string) string {
	return fmt.Sprintf("%s; %d commands acknowledged, %d refused by the domain, %d sent again", faults, len(l.journal), l.refused.Load(), l.retried.Load())
}
