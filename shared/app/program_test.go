package app

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

func TestTheNameOfAModule(t *testing.T) {
	t.Parallel()
	for module, want := range map[string]string{
		"example.com/acme/shop": "shop", "example.com/shop/v2": "shop", "shop": "shop", "example.com/Big.Shop": "big-shop", "v2": "v2", "": "",
	} {
		if got := nameOf(module); got != want {
			t.Errorf("%q is named %q, want %q", module, got, want)
		}
	}
}

func TestMain(m *testing.M) {
	if name := os.Getenv(asProgram); name != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		status := runService(ctx, name, Options{Name: "shop", Modules: []es.Module{counting()}}, nil, os.Stderr)
		stop()
		os.Exit(status)
	}
	localtest.Main(m) // a dev does not touch the data directory of the user
}

// The help of the program and of all its subcommands names the program, and never the one of this module.
func TestTheHelpNamesTheProgram(t *testing.T) {
	t.Parallel()
	p, err := newProgram(Options{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	root, err := p.root()
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`(^|[^/\w-])orchestrix [a-z]`)
	var check func(*cobra.Command)
	check = func(c *cobra.Command) {
		if c.DisableFlagParsing {
			return // a service prints its help itself
		}
		var help strings.Builder
		c.SetOut(&help)
		if err := c.Help(); err != nil {
			t.Error(err)
		}
		if text := help.String(); ours.MatchString(text) || !strings.Contains(text, "shop ") {
			t.Errorf("%s:\n%s", c.CommandPath(), text)
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(root)
	if text := root.Long; !strings.HasPrefix(text, "The services of shop") || !strings.Contains(text, "'shop dev'") {
		t.Error(text)
	}
}

// The licence of a team's program is for the team to say.
func TestTheAPIIsThatOfTheProgram(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ title, license string }{"orchestrix": {"", "Apache-2.0"}, "shop": {"shop", ""}} {
		p, err := newProgram(Options{Name: name})
		if err != nil || p.hooks.License != want.license || p.hooks.Version != programVersion() || p.hooks.Title != want.title {
			t.Errorf("%q has %q %q %q (%v)", name, p.hooks.Title, p.hooks.Version, p.hooks.License, err)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if status := run(t.Context(), Options{Name: "shop"}, []string{"version", "-o", "json"}, &out, io.Discard); status != 0 {
		t.Fatalf("status %d", status)
	}
	var v versions
	if err := json.Unmarshal([]byte(out.String()), &v); err != nil || v.LogFormat != "2" || v.Schema < 7 || !strings.HasPrefix(v.Go, "go1.") || v.Version == "" {
		t.Errorf("%s (%v)", &out, err)
	}
	out.Reset()
	if status := run(t.Context(), Options{Name: "shop"}, []string{"version"}, &out, io.Discard); status != 0 || !strings.Contains(out.String(), "log format  2\n") {
		t.Errorf("status %d: %s", status, &out)
	}
}
