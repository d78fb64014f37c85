package app

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
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

func TestTheHelpNamesTheProgram(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-h"}, {"bench", "-h"}, {"migrate", "-h"}, {"keys", "init", "-h"}, {"events", "-h"}, {"dev", "-h"}} {
		var out strings.Builder
		if status := run(t.Context(), Options{Name: "shop"}, args, &out, io.Discard); status != 0 {
			t.Errorf("%v: status %d", args, status)
		}
		if text := out.String(); strings.Contains(text, "orchestrix ") || !strings.Contains(text, "shop ") {
			t.Errorf("%v:\n%s", args, text)
		}
	}
}

// The licence of a team's program is for the team to say.
func TestTheAPIIsThatOfTheProgram(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "Apache-2.0", "shop": ""} {
		p, err := newProgram(Options{Name: name})
		if err != nil || p.hooks.License != want || p.hooks.Version != programVersion() || p.hooks.Title != name {
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
	if err := json.Unmarshal([]byte(out.String()), &v); err != nil || v.LogFormat != "1" || v.Schema < 4 || !strings.HasPrefix(v.Go, "go1.") || v.Version == "" {
		t.Errorf("%s (%v)", &out, err)
	}
	out.Reset()
	if status := run(t.Context(), Options{Name: "shop"}, []string{"version"}, &out, io.Discard); status != 0 || !strings.Contains(out.String(), "log format  1\n") {
		t.Errorf("status %d: %s", status, &out)
	}
}
