package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

var at = core.Position{Partition: 3, Sequence: 1042}

func TestADocument(t *testing.T) {
	t.Parallel()
	const data = `{"b": 1,  "a":"<ä & \u00e4>", "n": 1.10}` // passed on byte for byte
	server := queryServer(t, &router{document: func(view, key string, w query.Wait) (core.Document, query.Freshness, error) {
		if view != "order-summary" || len(w.For) > 0 {
			return core.Document{}, query.Freshness{}, errUnwanted
		}
		asOf := time.Date(2026, 1, 2, 4, 4, 5, 6_000_000, time.FixedZone("", 3600))
		return core.Document{Key: key, Position: at, Data: json.RawMessage(data)}, query.Freshness{AsOf: asOf}, nil
	}}, httpapi.Options{})
	for path, key := range map[string]string{
		"10248": "10248", "a%2Fb": "a/b", "New%20York": "New York", "S%C3%A3o%20Paulo": "São Paulo", "%2e%2e": "..",
		"a+b": "a+b", "%22%3C%3E": `"<>`, "100%25": "100%", "a;b=c": "a;b=c", "%3F%23": "?#",
	} {
		quoted, _ := core.Marshal(key)
		call(t, server, "GET", "/v1/views/order-summary/"+path, "").expect(t, path,
			`{"key":`+string(quoted)+`,"position":"3-1042","data":`+data+`}`,
			map[string]string{
				"Orchestrix-Position": "3-1042", "Orchestrix-As-Of": "2026-01-02T03:04:05.006Z",
				"Cache-Control": "no-cache", "Content-Type": "application/json", "Link": "",
			})
	}
	is := call(t, server, "GET", "/v1/views/order-summary/1", "").header.Get("ETag")
	for tag, status := range map[string]int{is: 304, "W/" + is: 304, `"1-1", ` + is: 304, `*`: 304, `"3-1042"`: 200, strings.Trim(is, `"`): 200} {
		r := call(t, server, "GET", "/v1/views/order-summary/1", "", "If-None-Match", tag)
		if r.status != status || r.header.Get("ETag") != is || status == 304 && r.body != "" {
			t.Errorf("If-None-Match %s: %d %s, want %d", tag, r.status, r.body, status)
		}
	}
	if r := call(t, server, "HEAD", "/v1/views/order-summary/1", ""); r.status != 200 || r.body != "" {
		t.Errorf("HEAD: %d %q", r.status, r.body)
	}
}

// A view that is rebuilt with other folds may have another document at the same position.
func TestTheTagOfADocumentIsThatOfItsData(t *testing.T) {
	t.Parallel()
	data := `{"total":1}`
	server := queryServer(t, &router{document: func(_, key string, _ query.Wait) (core.Document, query.Freshness, error) {
		return core.Document{Key: key, Position: at, Data: json.RawMessage(data)}, query.Freshness{}, nil
	}}, httpapi.Options{})
	tag := call(t, server, "GET", "/v1/views/order-summary/1", "").header.Get("ETag")
	data = `{"total":1,"currency":"EUR"}`
	if r := call(t, server, "GET", "/v1/views/order-summary/1", "", "If-None-Match", tag); r.status != http.StatusOK || r.header.Get("ETag") == tag {
		t.Errorf("%d with the tag %s, which was that of other data", r.status, tag)
	}
}

func TestAList(t *testing.T) {
	t.Parallel()
	asked := make(chan core.ListQuery, 1)
	page := core.Page{Items: []core.Document{{Key: "1", Position: at, Data: json.RawMessage(`{"a": 1}`)}, {Key: "2", Position: at, Data: json.RawMessage(`{}`)}}, Next: `c"1`}
	server := queryServer(t, &router{list: func(_ string, l core.ListQuery, _ query.Wait) (core.Page, query.Freshness, error) {
		asked <- l
		if l.Cursor == "end" {
			return core.Page{}, query.Freshness{}, nil
		}
		return page, query.Freshness{}, nil
	}}, httpapi.Options{})
	call(t, server, "GET", "/v1/views/order-summary", "").expect(t, "plain",
		`{"items":[{"key":"1","position":"3-1042","data":{"a": 1}},{"key":"2","position":"3-1042","data":{}}],"next_cursor":"c\"1"}`,
		map[string]string{"Orchestrix-As-Of": "", "ETag": "", "Cache-Control": "no-cache"})
	if got := <-asked; !reflect.DeepEqual(got, core.ListQuery{Limit: 50}) {
		t.Errorf("asked for %+v", got)
	}
	call(t, server, "GET", "/v1/views/order-summary?total=1.5&country=S%C3%A3o+Tom%C3%A9&sort=-total&limit=1000&cursor=end", "").
		expect(t, "everything", `{"items":[]}`, nil)
	want := core.ListQuery{
		Filter: []core.FieldValue{{Field: "country", Value: "São Tomé"}, {Field: "total", Value: "1.5"}},
		Sort:   "total", Desc: true, Limit: 1000, Cursor: "end",
	}
	if got := <-asked; !reflect.DeepEqual(got, want) {
		t.Errorf("asked for %+v", got)
	}
}

func TestAQuery(t *testing.T) {
	t.Parallel()
	server := queryServer(t, &router{query: func(name string, params json.RawMessage, w query.Wait) (any, error) {
		return map[string]any{"name": name, "params": params, "html": "<&>"}, nil
	}}, httpapi.Options{})
	call(t, server, "GET", "/v1/queries/top", "").expect(t, "default", `{"html":"<&>","name":"top","params":{"limit":10}}`,
		map[string]string{"Content-Type": "application/json", "Cache-Control": "no-cache"})
	call(t, server, "GET", "/v1/queries/top?limit=5", "").expect(t, "given", `{"html":"<&>","name":"top","params":{"limit":5}}`, nil)
}

func TestAStateNowAndThen(t *testing.T) {
	t.Parallel()
	asked := make(chan query.PointInTime, 1)
	server := queryServer(t, &router{state: func(s core.Stream, m query.PointInTime, _ query.Wait) (query.State, error) {
		asked <- m
		return query.State{Stream: s, Version: 2, Position: at, State: order{Lines: []line{}}}, nil
	}}, httpapi.Options{})
	for query, want := range map[string]query.PointInTime{
		"":                                  {},
		"?version=3":                        {Version: 3},
		"?at=2026-01-02T03:04:05.5%2B01:00": {Time: time.Date(2026, 1, 2, 2, 4, 5, 5e8, time.UTC)},
	} {
		call(t, server, "GET", "/v1/streams/order/10248"+query, "").expect(t, query,
			`{"stream":"order-10248","version":2,"position":"3-1042","state":{"lines":[]}}`,
			map[string]string{"ETag": `"2"`, "Orchestrix-Position": "3-1042", "Cache-Control": "no-cache"})
		if got := <-asked; got.Version != want.Version || !got.Time.Equal(want.Time) {
			t.Errorf("%s: asked for %+v", query, got)
		}
	}
	if r := call(t, server, "GET", "/v1/streams/order/10248", "", "If-None-Match", `"2"`); r.status != http.StatusNotModified {
		t.Errorf("If-None-Match: %d", r.status)
	}
}

func TestAHistoryInPages(t *testing.T) {
	t.Parallel()
	server := queryServer(t, &router{history: func(s core.Stream, after core.Version, limit int, _ query.Wait) ([]cloudevents.CloudEvent, bool, error) {
		if after == 9 {
			return nil, false, nil
		}
		if after != 7 || limit != 2 {
			return nil, false, fmt.Errorf("after %d, limit %d", after, limit)
		}
		return []cloudevents.CloudEvent{
			{ID: "order/1/8", StreamVersion: 8, Position: "3-1", Data: json.RawMessage(`{"a":"<"}`)}, {ID: "order/1/9", StreamVersion: 9, Position: "3-2", Data: json.RawMessage(`{}`)},
		}, true, nil
	}}, httpapi.Options{})
	r := call(t, server, "GET", "/v1/streams/order/1/events?after=7&limit=2", "")
	var got httpapi.HistoryAnswer
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Items) != 2 || got.Next != "9" || got.Items[0].Position != "3-1" || !strings.Contains(r.body, `{"a":"<"}`) {
		t.Errorf("%v %s", err, r.body)
	}
	call(t, server, "GET", "/v1/streams/order/1/events?after=9", "").expect(t, "the end", `{"items":[]}`, nil)
}

func TestReadsWaitForPositions(t *testing.T) {
	t.Parallel()
	asked := make(chan query.Wait, 1)
	server := queryServer(t, &router{query: func(_ string, _ json.RawMessage, w query.Wait) (any, error) {
		asked <- w
		return 1, nil
	}}, httpapi.Options{})
	p := func(partition int, sequence uint64) core.Position {
		return core.Position{Partition: partition, Sequence: sequence}
	}
	for _, c := range []struct {
		headers []string
		want    query.Wait
	}{
		{nil, query.Wait{}},
		{[]string{"Prefer", "wait=5"}, query.Wait{}},
		{[]string{"Orchestrix-Position", "3-1042"}, query.Wait{For: []core.Position{p(3, 1042)}, Timeout: 2 * time.Second}},
		{[]string{"Orchestrix-Position", "3-7, 1-5,3-9", "Orchestrix-Position", "1-2", "Prefer", "wait=0"}, query.Wait{For: []core.Position{p(3, 9), p(1, 5)}}},
		{[]string{"Orchestrix-Position", "0-1", "Prefer", `respond-async, WAIT="7"; x=y`}, query.Wait{For: []core.Position{p(0, 1)}, Timeout: 7 * time.Second}},
		{[]string{"Orchestrix-Position", "0-1", "Prefer", "wait=99999"}, query.Wait{For: []core.Position{p(0, 1)}, Timeout: 30 * time.Second}},
		{[]string{"Orchestrix-Position", "0-1", "Prefer", "wait=soon"}, query.Wait{For: []core.Position{p(0, 1)}, Timeout: 2 * time.Second}},
	} {
		if r := call(t, server, "GET", "/v1/queries/top", "", c.headers...); r.status != 200 {
			t.Errorf("%v: %d %s", c.headers, r.status, r.body)
			continue
		}
		got := <-asked
		if got.Aside = nil; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: waits for %+v, want %+v", c.headers, got, c.want)
		}
	}
}

func TestBadReadsAreRefused(t *testing.T) {
	t.Parallel()
	server := queryServer(t, &router{}, httpapi.Options{})
	const position = "Orchestrix-Position"
	for _, c := range []struct {
		path, header, value string
		status              int
		code                string
	}{
		{"/v1/views/nothing", "", "", 404, "unknown-name"},
		{"/v1/views/nothing/1", "", "", 404, "unknown-name"},
		{"/v1/queries/nothing", "", "", 404, "unknown-name"},
		{"/v1/streams/nothing/1", "", "", 404, "unknown-name"},
		{"/v1/streams/nothing/1/events", "", "", 404, "unknown-name"},
		{"/v1/views", "", "", 404, "unknown-route"},
		{"/v1/views/order-summary/", "", "", 404, "unknown-route"},
		{"/v1/views/order-summary/a/b", "", "", 404, "unknown-route"},
		{"/v1/views/order-summary/../order-summary", "", "", 404, "unknown-route"},
		{"/v1/views/order-summary/%00", "", "", 400, "bad-token"},
		{"/v1/views/order-summary/%ff", "", "", 400, "bad-token"},
		{"/v1/views/order-summary/" + strings.Repeat("k", 257), "", "", 400, "bad-token"},
		{"/v1/views/order-summary/1?x=1", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?nation=x", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?Country=x", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?country=x&country=y", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?country=%00", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?country=%ff", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?country=%zz", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?country=x;y", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?sort=nation", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?sort=", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?sort=--total", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?limit=0", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?limit=1001", "", "", 400, "bad-query"},
		{"/v1/views/order-summary?limit=", "", "", 400, "bad-query"},
		{"/v1/queries/top?limit=0", "", "", 422, "validation-failed"},
		{"/v1/queries/top?size=1", "", "", 400, "bad-query"},
		{"/v1/queries/top?limit=1&limit=2", "", "", 400, "bad-query"},
		{"/v1/streams/order/a.b", "", "", 400, "bad-token"},
		{"/v1/streams/order/%2e%2e/events", "", "", 400, "bad-token"},
		{"/v1/streams/order/1?version=0", "", "", 400, "bad-query"},
		{"/v1/streams/order/1?version=-1", "", "", 400, "bad-query"},
		{"/v1/streams/order/1?version=x", "", "", 400, "bad-query"},
		{"/v1/streams/order/1?at=yesterday", "", "", 400, "bad-query"},
		{"/v1/streams/order/1?at=2026-01-02T03:04:05+01:00", "", "", 400, "bad-query"},
		{"/v1/streams/order/1?version=1&at=2026-01-02T03:04:05Z", "", "", 400, "bad-query"},
		{"/v1/streams/order/1/events?after=-1", "", "", 400, "bad-query"},
		{"/v1/streams/order/1/events?limit=1001", "", "", 400, "bad-query"},
		{"/v1/streams/order/1/events?version=1", "", "", 400, "bad-query"},
		{"/v1/queries/top", position, "3", 400, "bad-position"},
		{"/v1/queries/top", position, "3-x", 400, "bad-position"},
		{"/v1/queries/top", position, "-1-2", 400, "bad-position"},
		{"/v1/queries/top", position, "1-2,", 400, "bad-position"},
		{"/v1/queries/top", position, "1-99999999999999999999", 400, "bad-position"},
		{"/v1/queries/top", position, strings.Repeat("1-2,", 300) + "1-2", 400, "bad-position"},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{c.header, c.value}
		}
		r := call(t, server, "GET", c.path, "", headers...)
		p := r.problem(t, c.path+" "+c.value, c.status, c.code)
		if strings.Contains(c.path, "nation=") && !strings.Contains(p.Detail, "country, total, sort, limit, cursor") {
			t.Errorf("%s: the declared fields are not named: %s", c.path, p.Detail)
		}
	}
	r := call(t, server, "POST", "/v1/views/order-summary", goodBody)
	r.problem(t, "POST", 405, "method-not-allowed")
	if r.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", r.header.Get("Allow"))
	}
}

func TestEveryFailureOfAReadHasItsStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("%w: x", core.ErrNotFound), 404, "document-not-found"},
		{fmt.Errorf("%w: x", port.ErrNoStream), 404, "stream-not-found"},
		{fmt.Errorf("%w: x", runtime.ErrFuture), 404, "version-not-found"},
		{fmt.Errorf("%w: x", runtime.ErrUnknown), 404, "unknown-name"},
		{fmt.Errorf("%w: x", core.ErrBadQuery), 400, "bad-query"},
		{fmt.Errorf("%w: x", core.ErrBadPosition), 400, "bad-position"},
		{fmt.Errorf("%w: secret", port.ErrUnavailable), 503, "unavailable"},
		{&port.NotBuiltError{View: "order-summary"}, 503, "view-not-built"},
		{fmt.Errorf("%w: secret", core.ErrBadPayload), 500, "internal"},
		{fmt.Errorf("%w: secret", core.ErrCorrupt), 500, "internal"},
		{errors.New("secret"), 500, "internal"},
		{&runtime.NotReachedError{View: "order-summary", Wanted: at, Reached: core.Position{Partition: 3, Sequence: 7}}, 504, "position-not-reached"},
	} {
		server := queryServer(t, &router{
			document: func(string, string, query.Wait) (core.Document, query.Freshness, error) {
				return core.Document{}, query.Freshness{}, c.err
			},
			list: func(string, core.ListQuery, query.Wait) (core.Page, query.Freshness, error) {
				return core.Page{}, query.Freshness{}, c.err
			},
			query: func(string, json.RawMessage, query.Wait) (any, error) { return nil, c.err },
			state: func(core.Stream, query.PointInTime, query.Wait) (query.State, error) { return query.State{}, c.err },
			history: func(core.Stream, core.Version, int, query.Wait) ([]cloudevents.CloudEvent, bool, error) {
				return nil, false, c.err
			},
		}, httpapi.Options{})
		for _, path := range []string{"/v1/views/order-summary/1", "/v1/views/order-summary", "/v1/queries/top", "/v1/streams/order/1", "/v1/streams/order/1/events"} {
			r := call(t, server, "GET", path, "")
			p := r.problem(t, path+": "+c.err.Error(), c.status, c.code)
			if strings.Contains(r.body, "secret") {
				t.Errorf("%s: %s", path, r.body)
			}
			if c.status == 504 && (p.Wanted != "3-1042" || p.Reached != "3-7") {
				t.Errorf("%s: %s", path, r.body)
			}
		}
	}
}

// A result that can't be encoded and a view's field that shadows a parameter are errors.
func TestWhatCantBeServed(t *testing.T) {
	t.Parallel()
	server := queryServer(t, &router{state: func(s core.Stream, _ query.PointInTime, _ query.Wait) (query.State, error) {
		return query.State{Stream: s, Version: 1, State: func() {}}, nil
	}}, httpapi.Options{})
	r := call(t, server, "GET", "/v1/streams/order/1", "")
	r.problem(t, "not JSON", 500, "internal")
	if r.header.Get("ETag") != "" {
		t.Error("a failure has an ETag")
	}
}
