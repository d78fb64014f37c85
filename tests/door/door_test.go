package door

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A project begins in an empty directory, by the commands of the README of this repository. It answers the commands of its own
// README, and gets a second context and a page by those of the guide.
func TestAProjectFromNothing(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := newReader(t)
	for _, command := range fromNothing(t) {
		p.follow(t, command)
	}
	t.Logf("to the first answered command: %s", time.Since(began).Round(time.Second))
	p.dev.runReadme(t, filepath.Join(p.dir, "README.md"))
	p.dev.stop()
	p.followGuide(t, "../../docs/guides/first-project.md") // its commands vet and test all of it
	p.dev.awaitPage(t)
	p.dev.stop()
	run(t, p.dir, "go", "mod", "tidy", "-diff")
	needNoSamples(t, p.dir)
	lint(t, p.dir)
	t.Logf("with all checks: %s", time.Since(began).Round(time.Second))
}

// A project with a route, a wrapper, a part and a configuration of its own gets the pieces that its README adds, and passes its checks.
func TestAProjectWithHooks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "desk")
	run(t, filepath.Dir(dir), tool, "new", "app", "desk", "--module", "example.com/team/desk", "--context", "bookings")
	main, err := os.ReadFile("testdata/main.go")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "main.go"), main, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	addPieces(t, dir)
	check(t, dir)
	d := startDev(t, dir, "--memory")
	if body := d.await(t, d.QueryURL+"/greeting", http.StatusOK); body != "good evening" {
		t.Errorf("the route answers %q", body)
	}
	if body := d.await(t, d.QueryURL+"/v1/views/reservation-summary/of-the-part", http.StatusOK); !strings.Contains(body, `"item":"chair"`) {
		t.Errorf("the part has sent %s", body)
	}
	d.await(t, d.QueryURL+"/v1/views/invoices", http.StatusOK) // of the README
	if header := d.get(t, d.QueryURL+"/v1/views/reservation-summary/none").Header; header.Get("X-Desk") != "wrapped" {
		t.Errorf("the handlers are not wrapped: %v", header)
	}
	d.stop()
}
