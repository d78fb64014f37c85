package e2e

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOrdersGoInAndTotalsComeOut(t *testing.T) {
	t.Parallel()
	files := map[string]func(testing.TB) string{
		"northwind": northwind,
		"generated": func(t testing.TB) string { return generated(t, 300, 1) },
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t)
			want := expect(t, path)
			p := startPlatform(t)
			sendAll(t, p, path, "rejected 0, failed 0")
			awaitTotals(t, p, want)
			before := string(p.get("/v1/views/sales-by-country?limit=1000").Body)

			sendAll(t, p, path, "accepted 0, repeated")
			awaitTotals(t, p, want)
			if after := string(p.get("/v1/views/sales-by-country?limit=1000").Body); after != before {
				t.Errorf("sending the file again changed the view from\n%s\nto\n%s", before, after)
			}
		})
	}
}

func sendAll(t testing.TB, p *platform, path, want string) {
	t.Helper()
	out, err := p.send(path)
	if err != nil || !strings.Contains(out, want) {
		t.Fatalf("send %s: %v\n%s\nis not %q", path, err, out, want)
	}
}

// All services are killed repeatedly while the orders are sent, and the sender continues each time.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	files := map[string]func(testing.TB) string{
		"northwind": northwind,
		"generated": func(t testing.TB) string { return generated(t, 600, 2) },
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t)
			want := expect(t, path)
			p := startPlatform(t)
			var sending sync.WaitGroup
			sending.Go(func() { _, _ = p.send(path) }) // it retries while the services are down, or gives up
			random := rand.New(rand.NewPCG(3, 4))
			for range 3 {
				time.Sleep(soon(random))
				for _, service := range p.services() {
					service.kill()
				}
				for _, service := range p.services() {
					service.start()
				}
				p.awaitReady()
			}
			sending.Wait()
			sendAll(t, p, path, "failed 0")
			awaitTotals(t, p, want)
		})
	}
}
