package app

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// A password with which the parsers of URLs and the clients fail in different ways.
var secretURLs = []string{
	"://orx:hunter2pass@127.0.0.1:1/orx",        // nothing listens
	"://orx:hunter2/pass@127.0.0.1:1/orx",       // the port is no number
	"://orx:hunter2 pass@127.0.0.1:1/orx",       // a space in the user information
	"://orx:hunter2%zzpass@127.0.0.1:1/orx",     // a wrong escape
	"://orx:hunter2@pass@127.0.0.1:port/orx",    // @ in the password, and no port
	"://orx:hunter2%40pass@127.0.0.1:1/orx?x=%", // escaped
}

// leaks returns the lines of a text that show the password, or a part of it.
func leaks(text string) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, "hunter2") || strings.Contains(line, "pass@") || strings.Contains(line, "%zz") {
			lines = append(lines, line)
		}
	}
	return lines
}

// commandLines are the commands of a program that run no service, each with every flag of a URL set to url, and with arguments.
func commandLines(t *testing.T, url string) (all [][]string) {
	t.Helper()
	p, err := newProgram(Options{Name: "shop", Modules: []es.Module{counting()}})
	if err != nil {
		t.Fatal(err)
	}
	root, err := p.root()
	if err != nil {
		t.Fatal(err)
	}
	var walk func(*cobra.Command, []string)
	walk = func(c *cobra.Command, path []string) {
		for _, child := range c.Commands() {
			walk(child, append(path[:len(path):len(path)], child.Name()))
		}
		if !c.Runnable() || c.DisableFlagParsing || c.Name() == "dev" || len(path) > 0 && path[0] == "keys" {
			return
		}
		line := path
		urls := 0
		c.Flags().VisitAll(func(f *pflag.Flag) {
			switch {
			case strings.HasSuffix(f.Name, "-url"):
				scheme := map[string]string{"nats-url": "nats", "database-url": "postgres"}[f.Name]
				if scheme == "" {
					scheme = "http"
				}
				line = append(line[:len(line):len(line)], "--"+f.Name+"="+scheme+url)
				urls++
			case f.Name == "wait" || f.Name == "timeout":
				line = append(line[:len(line):len(line)], "--"+f.Name+"=1s")
			}
		})
		for n := range 4 { // as many arguments as it takes
			arguments := []string{"http" + url, "7", "7"}[:min(n, 3)]
			if n > 0 && strings.Contains(c.Use, "DIR") {
				arguments[0] = t.TempDir()
			}
			if c.ValidateArgs(arguments) == nil {
				if urls+n > 0 {
					all = append(all, append(line[:len(line):len(line)], arguments...))
				}
				return
			}
		}
	}
	walk(root, nil)
	return all
}

// No command shows the password of a URL that it was given, whatever is wrong with the URL.
func TestNoCommandShowsAPassword(t *testing.T) {
	t.Parallel()
	for _, url := range secretURLs {
		lines := commandLines(t, url)
		if len(lines) < 15 {
			t.Fatalf("%d commands take a URL: %v", len(lines), lines)
		}
		var running sync.WaitGroup
		for _, line := range lines {
			running.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var out, errOut strings.Builder
				status := run(ctx, Options{Name: "shop", Modules: []es.Module{counting()}}, line, &out, &errOut)
				if status == 0 {
					t.Errorf("%v succeeds", line)
				}
				if shown := leaks(out.String() + errOut.String()); len(shown) > 0 {
					t.Errorf("%v prints %q", line, shown)
				}
			})
		}
		running.Wait()
	}
}

// asProgram makes the test binary run as a program with these arguments.
const asProgram = "APP_TEST_RUN"

// No service shows the password of a URL of its environment, in its log or in the error that ends it.
func TestNoServiceShowsAPassword(t *testing.T) {
	t.Parallel()
	for _, url := range secretURLs {
		for _, log := range []string{"jetstream", "postgres"} {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // long enough for the first failures
			command := exec.CommandContext(ctx, os.Args[0])
			command.Env = append(os.Environ(), asProgram+"=command", "NATS_URL=nats"+url, "DATABASE_URL=postgres"+url, "ORCHESTRIX_LOG="+log,
				"ORCHESTRIX_ADDR=127.0.0.1:0", "ORCHESTRIX_ADMIN_ADDR=127.0.0.1:0")
			command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
			out, _ := command.CombinedOutput() // it fails, or is interrupted
			cancel()
			if len(out) == 0 {
				t.Errorf("%s %s: it printed nothing", log, url)
			}
			if shown := leaks(string(out)); len(shown) > 0 {
				t.Errorf("%s %s: it prints %q", log, url, shown)
			}
		}
	}
}
