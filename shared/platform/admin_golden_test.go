package platform

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

var update = flag.Bool("update", false, "write the golden files again")

// volatile is what differs between two runs, with what the golden file has in its place.
var volatile = []struct {
	text *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`,"owner":"[^"]+"`), ""}, // as it was seen last
	{regexp.MustCompile(`"view":"process-runner","build":"1"[^]]*\]`), `"view":"process-runner",<as it was seen last>`},
	{regexp.MustCompile(`"lag_seconds":[0-9.e-]+`), `"lag_seconds":<seconds>`},
	{regexp.MustCompile(`"next_cursor":"[^"]+"`), `"next_cursor":"<cursor>"`},
	{regexp.MustCompile(`type [a-z]+\.ActionRequest`), "type <package>.ActionRequest"},
	{regexp.MustCompile(`(retry|cancel)-[A-Z2-7]{26}`), "$1-<random>"},
}

// transcript records requests and answers.
type transcript struct {
	*adminStack
	out strings.Builder
}

func (t *transcript) get(admin *service.Admin, targets ...string) {
	for _, target := range targets {
		t.record(admin, http.MethodGet, target, "")
	}
}

func (t *transcript) post(admin *service.Admin, target string, bodies ...string) {
	for _, body := range bodies {
		t.record(admin, http.MethodPost, target, body)
	}
}

func (t *transcript) record(admin *service.Admin, method, target, body string) {
	w := t.ask(admin, method, target, body)
	answer := w.Body.String()
	if w.Header().Get("Content-Type") == "application/problem+json" {
		answer = sortedKeys(t.t, w.Body.Bytes())
	}
	for _, v := range volatile {
		answer = v.text.ReplaceAllString(answer, v.with)
	}
	if len(body) > 200 {
		body = fmt.Sprintf("%.40s... (%d bytes)", body, len(body))
	}
	fmt.Fprintf(&t.out, "%s %s %s\n%d %s; %s\n%s\n", method, target, body, w.Code, w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"), answer)
}

// sortedKeys returns a JSON object with its keys sorted: the order of the keys of a problem is not a contract.
func sortedKeys(t *testing.T, object []byte) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(object, &fields); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	sorted, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(sorted) + "\n"
}

// compare compares the transcript with a golden file.
func (t *transcript) compare(file string) {
	t.t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(t.out.String()), 0o600); err != nil {
			t.t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.t.Fatal(err)
	}
	want, got := strings.Split(string(golden), "\n\n"), strings.Split(t.out.String(), "\n\n")
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			t.t.Errorf("%s:\n%s\nwant:\n%s", file, g, w)
		}
	}
}

// inMemory is the opener of services in memory that also shows their backends.
func inMemory(t *testing.T) (Opener, *Backends) {
	t.Helper()
	open := InMemory(1)
	backends, err := open(t.Context(), service.Env{}, false)
	if err != nil {
		t.Fatal(err)
	}
	return open, backends
}

// commitsBefore is the position of the last commit before the first golden answer of a running service.
const commitsBefore = "0-8"

const (
	ada       = `{}`
	adaReason = `{"reason":"a <good> one"}`
)

// badActions are bodies that no action takes.
var badActions = []string{
	``, `{`, `[]`, `{"reason":1}`, `{"who":"ada"}`, `{"reason":"\u0000"}`,
	`{"reason":"` + strings.Repeat("a", 1001) + `"}`, `{"reason":"` + strings.Repeat("a", 17<<10) + `"}`,
}

func TestGoldenAdminBeforeTheServicesHaveStarted(t *testing.T) {
	t.Parallel()
	open, _ := inMemory(t)
	s := &transcript{adminStack: newAdminStack(t, open, true)}
	for _, port := range []struct {
		admin  *service.Admin
		target string
	}{{s.command, "/dead-letters"}, {s.command, "/deadlines"}, {s.projection, "/projections"}, {s.process, "/processes"}} {
		s.await("routes", func() bool {
			return s.ask(port.admin, http.MethodGet, port.target, "").Code == http.StatusServiceUnavailable
		})
		s.get(port.admin, port.target, port.target+"?%zz")
	}
	s.compare("testdata/admin_starting.golden")
}

func TestGoldenAdminWithoutABus(t *testing.T) {
	t.Parallel()
	_, backends := inMemory(t)
	s := &transcript{adminStack: newAdminStack(t, func(context.Context, service.Env, bool) (*Backends, error) {
		without := *backends
		without.Bus, without.Deadlines, without.Statuses, without.StatusesSize, without.Reply = nil, nil, nil, nil, nil
		return &without, nil
	}, false)}
	s.run()
	s.get(s.command, "/dead-letters", "/dead-letters/1", "/deadlines")
	s.post(s.command, "/dead-letters/1/retry", ada)
	s.compare("testdata/admin_without_bus.golden")
}

func TestGoldenAdminAnswers(t *testing.T) {
	t.Parallel()
	open, backends := inMemory(t)
	s := &transcript{adminStack: newAdminStack(t, open, true)}
	s.backends = backends
	s.run()
	s.goldenEmpty()
	s.add("a", `{"N":1}`, `"deadlines":[{`)
	s.add("b", `{"N":13}`, `"deadlines":[{`)
	s.add("b", `{"N":2}`, `"N":15`)
	s.add("c", `{"N":14}`, `"status":"parked"`)
	s.die("m1", 1)
	s.die("m2", 2)
	s.awaitText(s.projection, "/parked", `"behind":1`)
	s.awaitText(s.projection, "/projections", `"position":"`+commitsBefore+`","lag":0`)
	s.awaitText(s.projection, "/projections", `"view":"process-runner"`)
	s.await("the parked events to be counted", func() bool {
		return !strings.Contains(s.ask(s.projection, http.MethodGet, "/projections", "").Body.String(), `"view":"tallies","build":"1","state":"active","parked":0`)
	})
	s.awaitText(s.process, "/processes/partitions", `"position":"`+commitsBefore+`","lag":0`)
	s.goldenProjections()
	s.goldenParked()
	s.goldenDeadLetters()
	s.goldenDeadlines()
	s.goldenProcesses()
	s.get(s.projection, "/actions", "/actions?limit=1", "/actions?view=tallies", "/actions?view=none", "/actions?limit=0", "/actions?view=%00", "/actions?view=%ff")
	s.compare("testdata/admin.golden")
}

func (t *transcript) goldenEmpty() {
	t.get(t.projection, "/parked", "/actions", "/nothing", "/projections/tallies")
	t.get(t.command, "/dead-letters", "/deadlines", "/projections")
	t.awaitText(t.process, "/processes", "items")
	t.get(t.process, "/processes", "/parked")
	t.get(t.projection, "/parked?limit=1&limit=2", "/parked?%ff=x", "/parked/%ff",
		"/parked?limit", "/parked?view&limit=1", "/parked?limit=1;view=tallies")
	t.get(t.command, "/dead-letters?view=x", "/dead-letters/%00", "/deadlines?view=x", "/deadlines?limit=1&limit=1", "/dead-letters?limit&after")
	t.post(t.projection, "/projections/%00/pause", ada)
	t.post(t.projection, "/parked/retry?view=tallies&grup=x", ada)
	t.record(t.projection, http.MethodPut, "/parked", ada)
	t.record(t.projection, http.MethodGet, "/parked/1/retry", "")
	t.record(t.projection, http.MethodHead, "/parked", "")
}

func (t *transcript) goldenProjections() {
	t.get(t.projection, "/projections", "/projections?view=tallies", "/projections?%zz", "/projections?a=%00")
	t.post(t.projection, "/projections/tallies/pause", badActions...)
	for _, action := range []string{"cancel", "pause", "resume", "drop-old", "rebuild"} {
		t.post(t.projection, "/projections/tallies/"+action, ada)
		t.post(t.projection, "/projections/none/"+action, adaReason)
		t.post(t.projection, "/projections/tallies/"+action+"?view=%00", ada)
	}
	t.post(t.projection, "/projections/tallies/rebuild", ada, `{"drop_old":true}`)
	t.awaitText(t.projection, "/projections", `"build":"1","state":"retired"`)
	t.awaitText(t.projection, "/projections", `"build":"1.1","state":"active"`)
	t.post(t.projection, "/projections/tallies/drop-old", adaReason)
	t.post(t.projection, "/projections/"+processes.ViewName+"/pause", ada)
	t.post(t.projection, "/projections/"+processes.ViewName+"/resume", ada)
	t.post(t.projection, "/projections/process-runner/pause", ada)
	t.post(t.projection, "/projections/process-runner/resume", ada)
}

func (t *transcript) goldenParked() {
	t.get(t.projection, "/parked", "/parked?limit=1", "/parked?view=tallies", "/parked?view=none", "/parked?group=none", "/parked?after=100",
		"/parked?after=x", "/parked?after=-1", "/parked?limit=0", "/parked?limit=1001", "/parked?limit=x", "/parked?view=%00", "/parked?group=%ff", "/parked?%zz")
	list := t.ask(t.projection, http.MethodGet, "/parked?limit=1", "").Body.String()
	var id int64
	if _, err := fmt.Sscanf(list, `{"items":[{"id":%d`, &id); err != nil {
		t.t.Fatalf("%s: %v", list, err)
	}
	event := fmt.Sprintf("/parked/%d", id)
	t.get(t.projection, event, "/parked/100", "/parked/x", "/parked/-1", "/parked/99999999999999999999")
	t.post(t.projection, event+"/retry", badActions...)
	t.post(t.projection, event+"/skip", badActions...)
	t.post(t.projection, event+"/skip", ada)
	t.post(t.projection, "/parked/100/retry", ada)
	t.post(t.projection, "/parked/100/skip", adaReason)
	t.post(t.projection, "/parked/x/retry", ada)
	t.post(t.projection, "/parked/x/skip", adaReason)
	t.post(t.projection, event+"/retry", ada)
	t.post(t.projection, "/parked/retry", "", ada)
	t.post(t.projection, "/parked/retry?view=%00", ada)
	t.post(t.projection, "/parked/retry?view=none", ada)
	t.post(t.projection, "/parked/retry?view=tallies", ada)
	t.broken.Store(false)
	t.post(t.projection, "/parked/retry?view=tallies", adaReason)
	t.broken.Store(true)
	t.add("d", `{"N":13}`, `"deadlines":[{`)
	t.awaitText(t.projection, "/parked", `"id"`)
	t.get(t.projection, "/parked")
	if _, err := fmt.Sscanf(t.ask(t.projection, http.MethodGet, "/parked?limit=1", "").Body.String(), `{"items":[{"id":%d`, &id); err != nil {
		t.t.Fatal(err)
	}
	t.post(t.projection, fmt.Sprintf("/parked/%d/skip", id), adaReason, adaReason)
}

func (t *transcript) goldenDeadLetters() {
	t.get(t.command, "/dead-letters", "/dead-letters?limit=1", "/dead-letters?topic=cmd&group=command", "/dead-letters?topic=out", "/dead-letters?group=none",
		"/dead-letters?after=1", "/dead-letters?after=-1", "/dead-letters?after=x", "/dead-letters?topic=none", "/dead-letters?group=a%20b",
		"/dead-letters?limit=0", "/dead-letters?limit=x", "/dead-letters?topic=%00", "/dead-letters?group=%ff", "/dead-letters?%zz",
		"/dead-letters/1", "/dead-letters/100", "/dead-letters/x", "/dead-letters/-1")
	t.post(t.command, "/dead-letters/1/retry", badActions...)
	t.post(t.command, "/dead-letters/1/drop", badActions...)
	t.post(t.command, "/dead-letters/1/drop", ada)
	t.post(t.command, "/dead-letters/x/drop", adaReason)
	t.post(t.command, "/dead-letters/x/retry", ada)
	t.post(t.command, "/dead-letters/100/drop", adaReason)
	t.post(t.command, "/dead-letters/100/retry", ada)
	t.post(t.command, "/dead-letters/1/retry", ada)
	t.awaitText(t.command, "/dead-letters", `"number":3`)
	t.post(t.command, "/dead-letters/2/drop", adaReason)
	t.post(t.command, "/dead-letters/retry", "", ada)
	t.post(t.command, "/dead-letters/retry?topic=none", ada)
	t.post(t.command, "/dead-letters/retry?topic=%00", ada)
	t.post(t.command, "/dead-letters/retry?limit=x", ada)
	t.post(t.command, "/dead-letters/retry?topic=out", ada)
	t.post(t.command, "/dead-letters/retry?group=command", ada)
	t.awaitText(t.command, "/dead-letters", `"number":4`)
}

func (t *transcript) goldenDeadlines() {
	t.get(t.command, "/deadlines", "/deadlines?limit=1", "/deadlines?category=process-watch&id=a", "/deadlines?category=none", "/deadlines?id=none",
		"/deadlines?limit=0", "/deadlines?limit=x", "/deadlines?category=%00", "/deadlines?id=%ff", "/deadlines?%zz")
}

func (t *transcript) goldenProcesses() {
	for _, id := range []string{"a", "b", "c", "d"} {
		t.awaitText(t.process, "/processes", `"instance":"`+id+`"`)
	}
	t.awaitText(t.process, "/processes?status=parked", `"instance":"c"`)
	t.get(t.process, "/processes", "/processes?limit=1", "/processes?status=parked", "/processes?process=none", "/processes?cursor=x",
		"/processes?limit=0", "/processes?limit=x", "/processes?status=%00", "/processes?cursor=%ff", "/processes?%zz", "/processes/partitions",
		"/processes/watch/a", "/processes/watch/c", "/processes/watch/none", "/processes/none/a", "/processes/watch/a%20b", "/processes/watch/%00")
	t.post(t.process, "/processes/watch/c/retry", badActions...)
	t.post(t.process, "/processes/watch/c/cancel", badActions...)
	t.post(t.process, "/processes/watch/c/cancel", ada)
	t.post(t.process, "/processes/watch/c/retry", ada)
	t.post(t.process, "/processes/watch/a/retry", ada)
	t.post(t.process, "/processes/watch/none/retry", ada)
	t.post(t.process, "/processes/watch/a/deadlines/wait/fire", badActions...)
	t.post(t.process, "/processes/watch/a/deadlines/none/fire", ada)
	t.post(t.process, "/processes/watch/a/deadlines/%00/fire", ada)
	t.post(t.process, "/processes/watch/none/deadlines/wait/fire", ada)
	t.post(t.process, "/processes/none/a/deadlines/wait/fire", ada)
	t.post(t.process, "/processes/watch/a/deadlines/wait/fire", adaReason, adaReason)
	t.get(t.process, "/processes/watch/a")
	t.post(t.process, "/processes/none/a/cancel", adaReason)
	t.post(t.process, "/processes/watch/c/cancel", adaReason, adaReason)
	t.get(t.process, "/processes/watch/c")
}
