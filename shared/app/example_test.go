package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/app"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// modules are the bounded contexts of the team: package domain of its project returns them.
func modules() []es.Module { return nil }

// The main function of a team that adds nothing but its domain.
func ExampleMain() {
	app.Main(app.Options{Modules: modules()})
}

// The main function of one service as a program of its own.
func ExampleService() {
	app.Service("command", app.Options{Modules: modules()})
}

// config is read from SHOP_TOKEN and SHOP_STOCK_URL.
type config struct {
	Token    string `required:"true" desc:"what clients send as their Authorization"`
	StockURL string `split_words:"true" default:"http://stock" desc:"where the stock of a product is asked for"`
}

func (c *config) Validate() error {
	if len(c.Token) < 16 {
		return errors.New("SHOP_TOKEN is too short: it must have at least 16 characters")
	}
	return nil
}

// A program with a configuration, a wrapper around all handlers, a route and a part.
func ExampleMain_hooks() {
	var c config
	app.Main(app.Options{
		Name: "shop", Modules: modules(), Config: &c,
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != c.Token {
					http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
		Routes: []app.Route{{
			Service: "query", Pattern: "GET /shop/orders/{id}",
			Handler: func(env app.Env) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					answer, err := env.Client.Get("/v1/views/orders/" + r.PathValue("id"))
					if err != nil {
						http.Error(w, err.Error(), http.StatusBadGateway)
						return
					}
					defer answer.Body.Close()
					fmt.Fprintln(w, answer.Status)
				})
			},
		}},
		Parts: []app.Part{{
			Service: "command", Name: "opening",
			Run: func(ctx context.Context, env app.Env) error {
				body := strings.NewReader(`{"n":1}`)
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/commands/counter/a/add", body)
				if err != nil {
					return err
				}
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Idempotency-Key", "opening") // a service that starts again sends the same command
				answer, err := env.Client.Do(request)
				if err != nil {
					return err
				}
				answer.Body.Close()
				env.Logger.InfoContext(ctx, "opened", "status", answer.StatusCode)
				<-ctx.Done()
				return nil
			},
		}},
	})
}
