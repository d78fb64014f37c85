package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

const smallOrder = `{"customer_id":"C1","customer_name":"Customer","country":"Norway","ordered_at":"2026-01-02","required_at":"2026-02-02","freight":"1.00",
	"lines":[{"product_id":"p1","product":"Product","unit_price":"10.00","quantity":2,"discount":"0.25"}]}`

// A read with the position of a command's response always sees the command's effect.
func TestReadsSeeWhatWasWritten(t *testing.T) {
	t.Parallel()
	const workers, rounds = 4, 250
	p := startPlatform(t)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for n := range rounds {
				if err := p.placeAndRead(t, fmt.Sprintf("o-%d-%d", w, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	country := p.get("/v1/views/sales-by-country/Norway")
	if got := country.field("data.orders"); got != float64(workers*rounds) {
		t.Errorf("%v orders are counted, not %d", got, workers*rounds)
	}
}

func (p *platform) placeAndRead(t testing.TB, id string) error {
	placed, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/"+id+"/place", smallOrder)
	if err != nil || placed.Status != http.StatusOK {
		return fmt.Errorf("place %s: %v, %w", id, placed, err)
	}
	position := placed.Header.Get("Orchestrix-Position")
	if position == "" || placed.field("position") != position {
		return fmt.Errorf("place %s: the position is %q in the header and %v in the body", id, position, placed.field("position"))
	}
	read, err := request(t.Context(), http.MethodGet, p.queryURL+"/v1/views/order-summary/"+id, "", "Orchestrix-Position", position, "Prefer", "wait=20")
	if err != nil || read.Status != http.StatusOK || read.field("data.net_total") != "15.0000" {
		return fmt.Errorf("read %s at %s: %v, %w", id, position, read, err)
	}
	return nil
}

func TestTimeTravel(t *testing.T) {
	t.Parallel()
	p := startPlatform(t)
	p.post("order/10248/place", smallOrder)
	between := time.Now().UTC()
	for !time.Now().After(between.Add(2 * time.Millisecond)) {
	}
	shipped := p.post("order/10248/ship", `{"shipped_at":"2026-01-05","carrier":"Slow & Sure"}`)
	if shipped.Header.Get("ETag") != `"2"` {
		t.Errorf("the ETag after two events is %s", shipped.Header.Get("ETag"))
	}
	now := p.get("/v1/streams/order/10248")
	for name, query := range map[string]string{
		"version": "?version=1", "time": "?at=" + url.QueryEscape(between.Format(time.RFC3339Nano)),
	} {
		before := p.get("/v1/streams/order/10248" + query)
		if before.field("version") != 1.0 || now.field("version") != 2.0 {
			t.Errorf("by %s: before is %v, now is %v", name, before, now)
		}
		if before.field("state.status") != "placed" || now.field("state.status") != "shipped" {
			t.Errorf("by %s: the status was %v and is %v", name, before.field("state.status"), now.field("state.status"))
		}
	}
	history := p.get("/v1/streams/order/10248/events")
	if items, ok := history.field("items").([]any); !ok || len(items) != 2 {
		t.Errorf("the history is %v", history)
	}
	for path, status := range map[string]int{
		"/v1/streams/order/10248?version=3":               http.StatusNotFound,
		"/v1/streams/order/10248?at=1999-01-01T00:00:00Z": http.StatusNotFound,
		"/v1/streams/order/10248?version=x":               http.StatusBadRequest,
		"/v1/streams/order/none":                          http.StatusNotFound,
		"/v1/streams/nothing/10248":                       http.StatusNotFound,
	} {
		if a, err := request(t.Context(), http.MethodGet, p.queryURL+path, ""); err != nil || a.Status != status {
			t.Errorf("GET %s: %v, %v, not %d", path, a, err, status)
		}
	}
}
