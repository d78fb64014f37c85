package door

import (
	"path/filepath"
	"strings"
	"testing"
)

// The guide to an upgrade compares a project with a fresh one, and tries the new version on a backup: what it shows works.
func TestAnUpgradeIsTried(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	dir := filepath.Join(place, "shop")
	run(t, place, tool, "new", "app", "shop")
	program := filepath.Join(place, "shop.exe")
	run(t, dir, "go", "build", "-o", program, ".")
	production, trial := filepath.Join(place, "production"), filepath.Join(place, "trial")
	here := strings.NewReplacer("go run . ", program+" ", "go tool orchestrix ", tool+" ",
		"/backups/shop", filepath.Join(place, "backup"), "/tmp/trial", trial, "/tmp/fresh", filepath.Join(place, "fresh"))

	d, verified := startDev(t, dir, "--data-dir", production), false
	run(t, dir, "sh", "-ec", d.here(`curl localhost:8080/v1/commands/reservation/r-1/hold -H 'Content-Type: application/json' -d '{"customer":"ada","item":"chair","quantity":4}'`))
	for _, b := range blocks(t, "../../docs/guides/take-an-upgrade.md") {
		for command := range strings.Lines(b[1]) {
			command, _, _ = strings.Cut(strings.TrimSpace(command), "    #")
			switch {
			case b[0] != "sh" || strings.HasPrefix(command, "go get "), strings.HasPrefix(command, "go mod "), strings.HasPrefix(command, "go vet "):
			case command == "go run . dev --log postgres --data-dir /tmp/trial":
				d.stop()
				d = startDev(t, dir, "--log", "postgres", "--data-dir", trial)
			case strings.HasPrefix(command, "go run . backup "):
				run(t, dir, "sh", "-ec", here.Replace(command)+" --data-dir "+production)
			case strings.HasPrefix(command, "diff "):
				run(t, dir, "sh", "-ec", here.Replace(command))
			default:
				out := run(t, dir, "sh", "-ec", here.Replace(command))
				verified = verified || strings.Contains(out, " 0 findings") && strings.Contains(out, "2 commits with 2 events")
			}
		}
	}
	if !verified {
		t.Error("the guide does not verify the commit of the backup")
	}
	d.stop()
}
