package readme

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// storedMessage is a message of the log in the form of the worked example: subject, headers by name, body.
func storedMessage(t *testing.T, d dev, stream string, sequence uint64) string {
	t.Helper()
	conn, err := nats.Connect(d.NATSURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	log, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := log.GetMsg(t.Context(), sequence)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for name := range m.Header {
		switch name { // a direct get adds these to the answer
		case "Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence":
		default:
			lines = append(lines, name+": "+m.Header.Get(name))
		}
	}
	slices.Sort(lines)
	return "subject: " + m.Subject + "\n" + strings.Join(lines, "\n") + "\n\n" + string(m.Data)
}

// showsTheLog compares the worked example of the log format with the log of d, which is new.
func showsTheLog(t *testing.T, d dev) {
	t.Helper()
	const path = "docs/log-format.md"
	all := blocks(t, path)
	first := slices.IndexFunc(all, block.runs)
	if first < 0 || first+1 == len(all) || !strings.HasPrefix(all[first+1].text, "subject: ") {
		t.Fatalf("%s shows no commands, or no message after them", path)
	}
	for _, command := range all[first].commands() {
		d.shell(t, command)
	}
	want, got := all[first+1].text, storedMessage(t, d, "ORX_EVENTS_1", 2)
	if !shown(t, want, got) {
		t.Errorf("%s shows\n%s\nthe log holds\n%s", path, want, got)
	}
}

// foldsTheBalances runs the reader of the document on a log of many accounts, transfers and partitions: it folds the balances
// that the view has.
func foldsTheBalances(t *testing.T, d dev) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the reader in JavaScript needs %s, which is not installed here", program)
		}
	}
	const dir = "../../docs/log-format"
	if out, err := exec.CommandContext(t.Context(), "npm", "ci", "--prefix", dir).CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	moveMoney(t, d)
	out, err := exec.CommandContext(t.Context(), "node", dir+"/balances.mjs", d.NATSURL).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var want []string
	for key, data := range documents(t, d, "account-balance") {
		want = append(want, fmt.Sprintf("default/%s %s", key, data["balance"]))
	}
	slices.Sort(want)
	if got := strings.TrimSpace(string(out)); len(want) < 10 || got != strings.Join(want, "\n") {
		t.Errorf("the reader prints\n%s\nthe view holds\n%s", got, strings.Join(want, "\n"))
	}
}

// moveMoney opens accounts, pays in, and moves money until every transfer has ended and the view has applied all of it.
func moveMoney(t *testing.T, d dev) {
	t.Helper()
	const accounts, transfers = 10, 15
	post := func(path, body string) {
		d.shell(t, "curl --fail-with-body localhost:8080/v1/commands/"+path+" -H 'Content-Type: application/json' -d '"+body+"'")
	}
	for n := range accounts {
		post(fmt.Sprintf("account/a%d/open", n), `{"owner":"Ada","currency":"EUR"}`)
		post(fmt.Sprintf("account/a%d/deposit", n), `{"amount":"100.25"}`)
	}
	for n := range transfers { // some of them fail for want of funds
		post(fmt.Sprintf("transfer/t%d/request", n), fmt.Sprintf(`{"from":"a%d","to":"a%d","amount":"%d.5","currency":"EUR"}`, n%4, 4+n%6, 20+n))
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		ended := 0
		for _, data := range documents(t, d, "transfers") {
			if data["status"] == "completed" || data["status"] == "failed" {
				ended++
			}
		}
		total := documents(t, d, "bank-total")["EUR"]
		if ended == transfers && total["in_flight"] == "0.0000" && total["balances"] == total["total"] {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d transfers have ended, the totals are %v", ended, transfers, total)
		}
	}
	awaitProjection(t, d)
}

// awaitProjection waits until no view lags: the views of a module are not written in one transaction.
func awaitProjection(t *testing.T, d dev) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		lagging := false
		for line := range strings.Lines(d.shell(t, "go run ./cmd/orchestrix projections")) {
			fields := strings.Fields(line)
			lagging = lagging || len(fields) > 7 && fields[0] == "account-balance" && fields[7] != "0"
		}
		if !lagging {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the view account-balance still lags")
		}
	}
}

// documents are the documents of a view by key.
func documents(t *testing.T, d dev, view string) map[string]map[string]any {
	t.Helper()
	var page struct {
		Items []struct {
			Key  string         `json:"key"`
			Data map[string]any `json:"data"`
		} `json:"items"`
	}
	text := d.shell(t, "curl 'localhost:8081/v1/views/"+view+"?limit=1000'")
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	all := map[string]map[string]any{}
	for _, item := range page.Items {
		all[item.Key] = item.Data
	}
	return all
}
