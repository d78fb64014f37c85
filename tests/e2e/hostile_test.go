package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// raw sends bytes over a connection of its own and reads the answer.
func raw(t testing.TB, url, text string) (status int, problem bool, err error) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return 0, false, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, false, err
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer before it has read all of it
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	return response.StatusCode, strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json"), nil
}

func post(path, contentType, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s",
		path, contentType, len(body), strings.Join(headers, ""), body)
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(headers, "") + "\r\n"
}

const placePath = "/v1/commands/order/h1/place"

// hostileCommands are requests that the command service refuses.
func hostileCommands() map[string]string {
	field := func(value string) string { return strings.Replace(smallOrder, `"1.00"`, value, 1) }
	return map[string]string{
		"a body that is too large":        post(placePath, "application/json", `{"customer_id":"`+strings.Repeat("x", 2<<20)+`"}`),
		"chunks without an end":           "POST " + placePath + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 40),
		"deep nesting":                    post(placePath, "application/json", `{"lines":`+strings.Repeat("[", 100_000)),
		"deep nesting that is closed":     post(placePath, "application/json", `{"lines":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}"),
		"bad UTF-8":                       post(placePath, "application/json", field("\"\xff\xfe\"")),
		"a NUL":                           post(placePath, "application/json", field(`"\u0000"`)),
		"a number out of range":           post(placePath, "application/json", field(`1e999999`)),
		"a text number out of range":      post(placePath, "application/json", field(`"1e999999"`)),
		"a number of 400 digits":          post(placePath, "application/json", field(`"`+strings.Repeat("9", 400)+`"`)),
		"a quantity out of range":         post(placePath, "application/json", strings.Replace(smallOrder, `"quantity":2`, `"quantity":99999999999999999999`, 1)),
		"a quantity with a fraction":      post(placePath, "application/json", strings.Replace(smallOrder, `"quantity":2`, `"quantity":2.5`, 1)),
		"a key twice":                     post(placePath, "application/json", strings.Replace(smallOrder, `"customer_id":"C1"`, `"customer_id":"C1","customer_id":"C2"`, 1)),
		"two values":                      post(placePath, "application/json", smallOrder+smallOrder),
		"half of a value":                 post(placePath, "application/json", smallOrder[:len(smallOrder)/2]),
		"an array":                        post(placePath, "application/json", "[]"),
		"null":                            post(placePath, "application/json", "null"),
		"nothing":                         post(placePath, "application/json", ""),
		"another content type":            post(placePath, "text/plain", smallOrder),
		"no content type":                 post(placePath, "", smallOrder),
		"an If-Match that is none":        post(placePath, "application/json", smallOrder, "If-Match: \"x\"\r\n"),
		"a negative If-Match":             post(placePath, "application/json", smallOrder, "If-Match: \"-1\"\r\n"),
		"a key that is too long":          post(placePath, "application/json", smallOrder, "Idempotency-Key: "+strings.Repeat("k", 1000)+"\r\n"),
		"a key with a space":              post(placePath, "application/json", smallOrder, "Idempotency-Key: a b\r\n"),
		"a bomb of headers":               post(placePath, "application/json", smallOrder, strings.Repeat("X-Bomb: "+strings.Repeat("b", 1000)+"\r\n", 100)),
		"one huge header":                 post(placePath, "application/json", smallOrder, "X-Bomb: "+strings.Repeat("b", 1<<20)+"\r\n"),
		"dots in the path":                post("/v1/commands/../../etc/passwd", "application/json", smallOrder),
		"an id of dots":                   post("/v1/commands/order/../place", "application/json", smallOrder),
		"an escaped slash":                post("/v1/commands/order/a%2fb/place", "application/json", smallOrder),
		"an escaped NUL":                  post("/v1/commands/order/a%00b/place", "application/json", smallOrder),
		"a wildcard":                      post("/v1/commands/order/%3E/place", "application/json", smallOrder),
		"a star":                          post("/v1/commands/order/*/place", "application/json", smallOrder),
		"a dot in an id":                  post("/v1/commands/order/a.b/place", "application/json", smallOrder),
		"an id that is too long":          post("/v1/commands/order/"+strings.Repeat("a", 10_000)+"/place", "application/json", smallOrder),
		"an empty id":                     post("/v1/commands/order//place", "application/json", smallOrder),
		"a bad escape":                    post("/v1/commands/order/%zz/place", "application/json", smallOrder),
		"an unknown category":             post("/v1/commands/nothing/1/place", "application/json", smallOrder),
		"an unknown command":              post("/v1/commands/order/1/explode", "application/json", smallOrder),
		"another method":                  "DELETE " + placePath + " HTTP/1.1\r\nHost: h\r\n\r\n",
		"a method that is none":           "EXPLODE " + placePath + " HTTP/1.1\r\nHost: h\r\n\r\n",
		"no HTTP at all":                  "hello\r\n\r\n",
		"two lengths":                     "POST " + placePath + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"a negative length":               "POST " + placePath + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}",
		"a line break in a header's name": "POST " + placePath + " HTTP/1.1\r\nHost: h\r\nX Y: 1\r\n\r\n",
	}
}

func hostileReads() map[string]string {
	requests := map[string]string{}
	for _, path := range []string{
		"/v1/views/nothing/1", "/v1/views/order-summary/%00", "/v1/views/order-summary?nothing=1", "/v1/views/order-summary?limit=0",
		"/v1/views/order-summary?limit=99999999999999999999", "/v1/views/order-summary?limit=x", "/v1/views/order-summary?cursor=AAAA",
		"/v1/views/order-summary?cursor=" + strings.Repeat("A", 5000), "/v1/views/order-summary?sort=nothing", "/v1/views/order-summary?sort=--net_total",
		"/v1/views/order-summary?country=%00", "/v1/views/order-summary?country=%ff", "/v1/queries/nothing", "/v1/queries/top-customers?limit=-1",
		"/v1/queries/top-customers?limit=1e9", "/v1/queries/top-customers?nothing=1", "/v1/streams/nothing/1", "/v1/streams/order/none", "/v1/streams/order/a.b",
		"/v1/streams/order/1?version=x", "/v1/streams/order/1?version=-1", "/v1/streams/order/1?at=yesterday", "/v1/streams/order/1?version=1&at=2026-01-02T03:04:05Z",
		"/v1/streams/order/%2e%2e/events", "/v1/../../etc/passwd", "/" + strings.Repeat("a/", 2000), "/v1/views/order-summary?" + strings.Repeat("country=x&", 3000),
	} {
		requests[fmt.Sprintf("%.60s", path)] = get(path)
	}
	for _, header := range []string{"x", "1", "-1-1", "99-1", "1-99999999999999999999999", strings.Repeat("0-1,", 2000)} {
		requests["position "+fmt.Sprintf("%.20s", header)] = get("/v1/views/order-summary/1", "Orchestrix-Position: "+header+"\r\n")
	}
	return requests
}

// Every malformed request gets a 4xx response with the reason, the services continue, and their memory stays bounded.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	p := startPlatform(t)
	p.post("order/good/place", smallOrder)
	p.awaitOrder("good", "placed")
	for url, requests := range map[string]map[string]string{p.commandURL: hostileCommands(), p.queryURL: hostileReads()} {
		for name, text := range requests {
			status, problem, err := raw(t, url, text)
			if err != nil || status < 400 || status > 499 {
				t.Errorf("%s: status %d, %v", name, status, err)
			}
			plain := status == http.StatusRequestHeaderFieldsTooLarge || strings.Contains(name, "no HTTP") || strings.Contains(name, "length") ||
				strings.Contains(name, "header's name") || strings.Contains(name, "bad escape")
			if !problem && !plain { // net/http refuses a request that is not HTTP
				t.Errorf("%s: status %d without a problem document", name, status)
			}
		}
	}
	p.post("order/still-good/place", smallOrder)
	p.awaitOrder("still-good", "placed")
	for _, service := range p.services() {
		if peak := peakMemory(t, service); peak > 256<<20 {
			t.Errorf("%s has used %d MiB", service.name, peak>>20)
		}
	}
}

// peakMemory is the peak memory of a process in bytes; 0 where the system does not report it.
func peakMemory(t testing.TB, p *program) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kilobytes, err := strconv.Atoi(strings.Fields(string(rest))[0])
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	return 0
}

// Connections that send a byte at a time do not block other requests.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const slow = 2000
	p := startPlatform(t)
	stop := make(chan struct{})
	var trickling sync.WaitGroup
	t.Cleanup(func() { close(stop); trickling.Wait() })
	addr := strings.TrimPrefix(p.commandURL, "http://")
	for n := range slow {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Skipf("this machine allows too few connections: %v", err)
		}
		trickling.Go(func() { trickle(conn, stop, n%4 > 0) })
	}
	eventually(t, "a first good request", func() error { // for a moment, any of them may be about to send
		a, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/first/place", smallOrder)
		if err != nil || a.Status != http.StatusOK {
			return fmt.Errorf("%v, %w", a, err)
		}
		return nil
	})
	for n := range 200 {
		p.post(fmt.Sprintf("order/served-%d/place", n), smallOrder)
	}
	if peak := peakMemory(t, p.command); peak > 256<<20 {
		t.Errorf("the command service has used %d MiB", peak>>20)
	}
}

// trickle sends a request byte by byte, with or without its head, until the server closes the connection.
func trickle(conn net.Conn, stop <-chan struct{}, headAtOnce bool) {
	defer conn.Close()
	rest := []byte(post(placePath, "application/json", strings.Repeat(" ", 1000)))
	first := 1
	if headAtOnce {
		first = len(rest) - 1000
	}
	for len(rest) > 0 {
		if _, err := conn.Write(rest[:first]); err != nil {
			return
		}
		rest, first = rest[first:], 1
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}
