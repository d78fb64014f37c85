// Command desk is a program with a route, a wrapper, a part and a configuration of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/app"

	"example.com/team/desk/domain"
)

type config struct {
	Greeting string `default:"good morning" desc:"what the route answers"`
}

func (c *config) Validate() error {
	if c.Greeting == "" {
		return errors.New("DESK_GREETING is empty")
	}
	return nil
}

func main() {
	var c config
	app.Main(app.Options{
		Modules: domain.Modules(),
		Config:  &c,
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Desk", "wrapped")
				next.ServeHTTP(w, r)
			})
		},
		Routes: []app.Route{{Service: "query", Pattern: "GET /greeting", Handler: func(app.Env) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.Greeting) })
		}}},
		Parts: []app.Part{{Service: "command", Name: "first-order", Run: firstOrder}},
	})
}

// firstOrder sends a command through the API of the service that it runs beside.
func firstOrder(ctx context.Context, env app.Env) error {
	const body = `{"customer":"ada","item":"chair","quantity":1}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://command/v1/commands/reservation/of-the-part/hold", strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "first-order")
	response, err := env.Client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the first order was answered with %s", response.Status)
	}
	<-ctx.Done()
	return nil
}
