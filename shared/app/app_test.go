package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// A counter counts what was added.
type (
	add struct {
		N int `json:"n" minimum:"1"`
	}
	added   struct{ N int }
	counter struct {
		Total int `json:"total"`
	}
)

func counting() es.Module {
	return es.Module{
		Name: "counting",
		Deciders: []es.DeciderDef{es.Decider[counter]{
			Category: "counter",
			Decide:   es.Commands[counter]{es.Handle("add", func(_ counter, c add) ([]es.Event, error) { return es.Accept(added(c)) })},
			Evolve:   es.Events[counter]{es.Apply("Added", func(s counter, e added) counter { return counter{s.Total + e.N} })},
		}},
		Views: []es.ViewDef{es.View[counter]{
			Name: "counters", Version: 1,
			On: es.Folds[counter]{es.On(func(d *counter, e added) { d.Total += e.N })},
		}},
	}
}

// running is a program that runs dev in memory.
type running struct {
	t          *testing.T
	CommandURL string           `json:"command_url"`
	QueryURL   string           `json:"query_url"`
	HealthURL  string           `json:"health_url"`
	errors     *strings.Builder // valid after stop
	stop       func() int
}

var inMemory = []string{"dev", "--memory", "--json", "--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"}

// start starts a program and waits until it is ready.
func start(t *testing.T, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	lines, out := io.Pipe()
	r := &running{t: t, errors: new(strings.Builder)}
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, o, inMemory, out, r.errors)
		out.Close()
	}()
	r.stop = sync.OnceValue(func() int { cancel(); return <-status })
	t.Cleanup(func() { r.stop() })
	line, err := bufio.NewReader(lines).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, r) != nil {
		t.Fatalf("dev printed %q (%v), status %d: %s", line, err, r.stop(), r.errors)
	}
	return r
}

// ask sends a request with the token that the wrapper of the test wants.
func (r *running) ask(method, url, body string, header ...string) (status int, text string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "secret")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(all)
}

type shopConfig struct {
	Token string `required:"true" desc:"what clients have to know"`
	Start int    `default:"1"`
}

func (c *shopConfig) Validate() error {
	if c.Start < 1 {
		return fmt.Errorf("SHOP_START is %d: it must be at least 1", c.Start)
	}
	return nil
}

// shop is a program with every hook.
type shop struct {
	config  shopConfig
	sent    chan error // the result of the first command of the part
	stopped bool
}

func (s *shop) options() Options {
	return Options{
		Name: "shop", Modules: []es.Module{counting()}, Config: &s.config,
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != s.config.Token {
					http.Error(w, "who are you?", http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r.WithContext(r.Context()))
			})
		},
		Routes: []Route{
			{Service: "command", Pattern: "POST /hooks/{counter}", Handler: s.hook},
			{Service: "query", Pattern: "GET /pages/{counter}", Handler: page},
			{Service: "query", Pattern: "GET /no-status", Handler: func(Env) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(99) })
			}},
			{Service: "query", Pattern: "GET /panics", Handler: func(Env) http.Handler {
				return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") })
			}},
		},
		Parts: []Part{
			{Service: "command", Name: "opening", Run: func(ctx context.Context, env Env) error {
				s.sent <- post(ctx, env.Client, "/v1/commands/counter/opened/add", fmt.Sprintf(`{"n":%d}`, s.config.Start))
				<-ctx.Done()
				s.stopped = true
				return nil
			}},
			{Service: "projection", Name: "lonely", Run: func(ctx context.Context, env Env) error {
				s.sent <- post(ctx, env.Client, "/v1/anything", "")
				<-ctx.Done()
				return nil
			}},
		},
	}
}

// hook passes the body of its request on as a command.
func (s *shop) hook(env Env) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = post(r.Context(), env.Client, "/v1/commands/counter/"+r.PathValue("counter")+"/add", string(body))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
}

// page shows a document of a view.
func page(env Env) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := env.Client.Get("http://query/v1/views/counters/" + r.PathValue("counter"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	})
}

func post(ctx context.Context, client *http.Client, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s %w", answer.StatusCode, text, err)
	}
	return nil
}

func TestTheHooksOfAProgram(t *testing.T) {
	t.Setenv("SHOP_TOKEN", "secret")
	t.Setenv("SHOP_START", "3")
	s := &shop{sent: make(chan error, 2)}
	r := start(t, s.options())
	for range 2 {
		if err := <-s.sent; err != nil && !strings.Contains(err.Error(), "the projection service has no HTTP API") {
			t.Error(err)
		}
	}
	add := r.CommandURL + "/v1/commands/counter/a/add"
	if status, text := r.ask("POST", add, `{"n":1}`, "Authorization", "wrong"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d %s", status, text)
	}
	if status, text := r.ask("POST", add, `{"n":1}`); status != http.StatusOK {
		t.Errorf("a command: %d %s", status, text)
	}
	if status, text := r.ask("POST", r.CommandURL+"/hooks/a", `{"n":2}`); status != http.StatusOK {
		t.Errorf("a route: %d %s", status, text)
	}
	if status, text := r.ask("POST", r.CommandURL+"/hooks/a", `{"n":0}`); status != http.StatusBadGateway || !strings.Contains(text, "validation-failed") {
		t.Errorf("a command that is not valid: %d %s", status, text)
	}
	if status, text := r.ask("POST", r.CommandURL+"/hooks/a", strings.Repeat(" ", 2<<20)); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "too-large") {
		t.Errorf("a body of 2 MiB: %d %s", status, text)
	}
	if status, text := r.ask("GET", r.QueryURL+"/no-status", ""); status != http.StatusInternalServerError || !strings.Contains(text, `"code":"internal"`) {
		t.Errorf("a status that is none: %d %s", status, text)
	}
	if status, text := r.ask("GET", r.QueryURL+"/panics", ""); status != http.StatusInternalServerError || !strings.Contains(text, `"code":"internal"`) {
		t.Errorf("a panic: %d %s", status, text)
	}
	for _, id := range []string{"a", "opened"} { // the view follows the log after a moment
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			status, text := r.ask("GET", r.QueryURL+"/pages/"+id, "")
			if status == http.StatusOK && strings.Contains(text, `"total":3`) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("a page: %d %s", status, text)
			}
		}
	}
	_, metrics := r.ask("GET", r.HealthURL+"/metrics", "")
	for _, series := range []string{`method="POST",route="/hooks/{counter}",status="200"`, `route="/pages/{counter}"`, `route="/v1/commands/{category}/{id}/{command}",status="422"`, `route="none",status="401"`} {
		if !strings.Contains(metrics, series) {
			t.Errorf("the metrics have no %s", series)
		}
	}
	if status := r.stop(); status != 0 || !s.stopped {
		t.Errorf("status %d, the part has stopped: %v; %s", status, s.stopped, r.errors)
	}
}

func TestAPartThatFailsStopsTheProgram(t *testing.T) {
	t.Parallel()
	for says, fail := range map[string]func(context.Context, Env) error{
		"mailer: no post office":       func(context.Context, Env) error { return errors.New("no post office") },
		"mailer: panic: no post today": func(context.Context, Env) error { panic("no post today") },
	} {
		var errOut strings.Builder
		o := Options{Name: "shop", Modules: []es.Module{counting()}, Parts: []Part{{Service: "query", Name: "mailer", Run: fail}}}
		if status := run(t.Context(), o, inMemory, io.Discard, &errOut); status != statusFailed || !strings.Contains(errOut.String(), says) {
			t.Errorf("status %d: %s, want %q", status, &errOut, says)
		}
	}
}

func TestFlagsOfDevThatContradictEachOther(t *testing.T) {
	t.Parallel()
	for says, flags := range map[string][]string{
		"--data-dir, --ephemeral and --memory contradict each other": {"--memory", "--ephemeral"},
		"--data-dir, --ephemeral and --memory contradict":            {"--memory", "--data-dir", t.TempDir()},
		"--data-dir is empty": {"--data-dir", ""},
	} {
		var errOut strings.Builder
		if status := run(t.Context(), Options{Name: "shop"}, append([]string{"dev"}, flags...), io.Discard, &errOut); status != statusFailed || !strings.Contains(errOut.String(), says) {
			t.Errorf("%q: status %d: %s, want %q", flags, status, &errOut, says)
		}
	}
}

func TestFaultsOfTheOptions(t *testing.T) {
	t.Parallel()
	handler := func(Env) http.Handler { return http.NotFoundHandler() }
	part := func(context.Context, Env) error { return nil }
	for says, o := range map[string]Options{
		`the name is "Shop"`:                     {Name: "Shop"},
		"Config: it is app.shopConfig":           {Config: shopConfig{}},
		"Config: it is *app.shopConfig":          {Config: (*shopConfig)(nil)},
		"ORCHESTRIX_ADDR is a variable":          {Name: "orchestrix", Config: &struct{ Addr string }{}},
		`route "GET /x": its service is "admin"`: {Routes: []Route{{Service: "admin", Pattern: "GET /x", Handler: handler}}},
		`route "GET /x": it has no Handler`:      {Routes: []Route{{Service: "query", Pattern: "GET /x"}}},
		`route "GET /v1/x": the paths below /v1`: {Routes: []Route{{Service: "query", Pattern: "GET /v1/x", Handler: handler}}},
		`part "a": its service is ""`:            {Parts: []Part{{Name: "a", Run: part}}},
		`part "a" of query: it has no Run`:       {Parts: []Part{{Service: "query", Name: "a"}}},
		`part "a" of query: it is there twice`:   {Parts: []Part{{Service: "query", Name: "a", Run: part}, {Service: "query", Name: "a", Run: part}}},
		`a part of "query" has no Name`:          {Parts: []Part{{Service: "query", Run: part}}},
		`a command "verify" already`:             {Commands: []*cobra.Command{{Use: "verify"}}},
	} {
		var errOut strings.Builder
		if status := run(t.Context(), o, []string{"version"}, io.Discard, &errOut); status != statusUsage || !strings.Contains(errOut.String(), says) {
			t.Errorf("status %d: %q, want %q", status, &errOut, says)
		}
	}
}

func TestDevReadsTheConfiguration(t *testing.T) {
	t.Setenv("SHOP_TOKEN", "x")
	for value, says := range map[string]string{"0": "SHOP_START is 0: it must be at least 1", "many": `SHOP_START is "many": it must be of type int`} {
		t.Setenv("SHOP_START", value)
		var errOut strings.Builder
		s := &shop{}
		if status := run(t.Context(), s.options(), inMemory, io.Discard, &errOut); status != statusUsage ||
			!strings.HasPrefix(errOut.String(), "shop: "+says+"\n(shop command -h lists") {
			t.Errorf("status %d: %s", status, &errOut)
		}
	}
}

func TestAServiceThatIsNone(t *testing.T) {
	t.Parallel()
	var errOut strings.Builder
	if status := runService(t.Context(), "quary", Options{Name: "shop"}, nil, &errOut); status != statusUsage || !strings.Contains(errOut.String(), `shop: app.Service: there is no service "quary"`) {
		t.Errorf("status %d: %s", status, &errOut)
	}
}

// An error of a command of the team may name a database or a program orchestrix.
func TestErrorsArePrintedAsTheyAre(t *testing.T) {
	t.Parallel()
	const text = "failed to connect to `user=orchestrix database=orchestrix`: run 'orchestrix backup' or orchestrix dev"
	o := Options{Name: "shop", Commands: []*cobra.Command{{Use: "report", RunE: func(*cobra.Command, []string) error { return errors.New(text) }}}}
	var errOut strings.Builder
	if status := run(t.Context(), o, []string{"report"}, io.Discard, &errOut); status != statusFailed || errOut.String() != "shop: "+text+"\n" {
		t.Errorf("status %d: %s", status, &errOut)
	}
}
