package dev_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/dev"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/local"
)

// A domain whose first command needs an account: the one to try is the second.
type (
	account struct {
		Open bool `json:"open"`
	}
	deposit struct {
		Amount int `json:"amount" minimum:"5"`
	}
	open struct {
		Owner string `json:"owner" example:"O'Hara" minLength:"1"`
	}
	opened struct {
		Owner string `json:"owner"`
	}
	deposited struct{}
	owner     struct {
		Accounts int `json:"accounts"`
	}
	holder struct {
		Owner string `json:"owner"`
	}
)

func (a account) deposit(deposit) ([]core.Event, error) {
	if !a.Open {
		return es.Reject("not-open", "the account is not open")
	}
	return es.Accept(deposited{})
}
func (a account) open(c open) ([]core.Event, error) { return es.Accept(opened(c)) }
func (a account) opened(opened) account             { return account{Open: true} }
func (a account) deposited(deposited) account       { return a }

func bank() es.Module {
	return es.Module{
		Name: "bank",
		Deciders: []es.DeciderDef{es.Decider[account]{
			Category: "account",
			Decide:   es.Commands[account]{es.Handle("deposit", account.deposit), es.Handle("open", account.open)},
			Evolve:   es.Events[account]{es.Apply("AccountOpened", account.opened), es.Apply("MoneyDeposited", account.deposited)},
		}},
		Views: []es.ViewDef{
			es.View[owner]{Name: "owners", Version: 1, On: es.Folds[owner]{es.OnKey(func(e opened) string { return e.Owner }, func(o *owner, _ opened) { o.Accounts++ })}},
			es.View[holder]{Name: "holders", Version: 1, On: es.Folds[holder]{es.On(func(h *holder, e opened) { h.Owner = e.Owner })}},
		},
	}
}

// output is what dev has printed.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs dev in memory and returns what it has printed when it is ready, and how to stop it.
func start(t *testing.T, o dev.Options) (printed string, stop func()) {
	t.Helper()
	const anyPort = "127.0.0.1:0"
	o.Memory, o.Log, o.CommandAddr, o.QueryAddr, o.HealthAddr, o.AdminAddr = true, "jetstream", anyPort, anyPort, anyPort, anyPort
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	out := &output{}
	go func() { ended <- dev.Run(ctx, out, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("dev ended with %v", err)
		}
	})
	t.Cleanup(stop)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(out.String(), "Ctrl-C"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) || len(ended) > 0 {
			t.Fatalf("dev is not ready; it printed %q", out)
		}
	}
	return out.String(), stop
}

// enter sets an empty directory as that of the user's data, and returns the default one of a program.
func enter(t *testing.T, program string) string {
	t.Helper()
	home, err := local.NewTempDir(t.Context()) // the user that runs Postgres for root can enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = home.Remove() })
	t.Setenv("XDG_DATA_HOME", home.Path())
	dir, err := local.DefaultDataDir(program)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheBoxShowsACommandThatSucceeds(t *testing.T) {
	enter(t, "shop")
	box, _ := start(t, dev.Options{Name: "shop", Modules: []es.Module{bank()}})
	shown := regexp.MustCompile(`curl -X POST (\S+/v1/commands/account/1/open) -H 'Content-Type: application/json' -d '(.*)'\n  curl (\S+/v1/views/holders/1)\n`).FindStringSubmatch(box)
	if shown == nil || !strings.Contains(box, "  Shop is ready.\n") {
		t.Fatalf("the box is %s", box)
	}
	// The box is there, so every view can be read.
	if status, text := request(t, http.MethodGet, strings.TrimSuffix(shown[3], "/1"), ""); status != http.StatusOK {
		t.Errorf("the view: %d %s", status, text)
	}
	if status, text := request(t, http.MethodPost, shown[1], strings.ReplaceAll(shown[2], `'\''`, "'")); status != http.StatusOK {
		t.Errorf("the command: %d %s", status, text)
	}
}

func TestTheBoxWithoutADomain(t *testing.T) {
	enter(t, "shop")
	if box, _ := start(t, dev.Options{Name: "shop"}); strings.Contains(box, "curl") || !strings.Contains(box, "no command to try yet") {
		t.Errorf("the box is %s", box)
	}
}

func request(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Two dev of one program, and one of another: the first of each program is found without a flag.
func TestSeveralDevAtTheSameTime(t *testing.T) {
	shop := enter(t, "shop")
	first, stopFirst := start(t, dev.Options{Name: "shop", Version: "v1"})
	second, stopSecond := start(t, dev.Options{Name: "shop"})
	if says := "finds another dev"; strings.Contains(first, says) || !strings.Contains(second, says) {
		t.Errorf("the boxes are %s and %s", first, second)
	}
	other, stopOther := start(t, dev.Options{Name: "bazaar"})
	bazaar := filepath.Join(filepath.Dir(shop), "bazaar")
	found := func(dir string) string {
		i, err := local.FindInstance(dir)
		if err != nil {
			t.Fatal(err)
		}
		if i == nil {
			return "none"
		}
		return i.AdminURL
	}
	for what, c := range map[string]struct{ box, dir string }{"the first": {first, shop}, "the other program": {other, bazaar}} {
		if url := found(c.dir); !strings.Contains(c.box, url) {
			t.Errorf("%s: found %s, and its box is %s", what, url, c.box)
		}
	}
	if i, err := local.FindInstance(shop); err != nil || i.Program != "shop" || i.Version != "v1" || i.PID != os.Getpid() || i.Log != local.LogInMemory || i.DataDir != "" || i.StartedAt.IsZero() {
		t.Errorf("the file holds %+v, %v", i, err)
	}
	stopFirst()
	if url := found(shop); url != "none" {
		t.Errorf("after the first has ended: found %s", url)
	}
	stopSecond()
	stopOther()
	for _, dir := range []string{shop, bazaar} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %s, %v", dir, err)
		}
	}
}

// A data directory that can't be used is an error before any port is taken.
func TestABadDataDirectoryIsTheFirstError(t *testing.T) {
	dir := enter(t, "shop")
	claim, err := local.ClaimDir(t.Context(), dir, "example.com/other")
	if err != nil {
		t.Fatal(err)
	}
	run := func() error {
		return dev.Run(t.Context(), io.Discard, dev.Options{Name: "shop", Log: "jetstream", CommandAddr: "no address"})
	}
	if err := run(); !errors.Is(err, local.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("another dev runs: %v", err)
	}
	if err := claim.Release(); err != nil {
		t.Fatal(err)
	}
	if err := run(); !errors.Is(err, local.ErrOtherModule) {
		t.Errorf("the data of another module: %v", err)
	}
}

// The dev that keeps its data in the default directory is the one that the tool finds.
func TestADevBesideTheOneOfTheDefaultDirectory(t *testing.T) {
	dir := enter(t, "shop")
	claim, err := local.ClaimDir(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = claim.Release() })
	if printed, _ := start(t, dev.Options{Name: "shop"}); !strings.Contains(printed, "finds another dev") {
		t.Errorf("the box is %s", printed)
	}
}
