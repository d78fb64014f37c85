// Command client opens an account with the generated client of the command API, reads its balance with that of the query
// API, and finds the view in the list of the admin API. Its arguments are the URLs of the three, and the token for the last.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/orchestrix-go/orchestrix/tests/clients/admin"
	"github.com/orchestrix-go/orchestrix/tests/clients/command"
	"github.com/orchestrix-go/orchestrix/tests/clients/query"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, commandURL, queryURL, adminURL, token string) error {
	commands, err := command.NewClientWithResponses(commandURL)
	if err != nil {
		return err
	}
	id := "c-1"
	opened, err := commands.AccountOpenWithResponse(ctx, "ada-go", &command.AccountOpenParams{IdempotencyKey: &id},
		command.BankingOpen{Owner: "Ada Lovelace", Currency: "EUR"})
	if err != nil {
		return err
	}
	if opened.JSON200 == nil {
		return fmt.Errorf("open: %s: %s", opened.Status(), opened.Body)
	}
	position, wait := opened.HTTPResponse.Header.Get("Orchestrix-Position"), "wait=30"

	queries, err := query.NewClientWithResponses(queryURL)
	if err != nil {
		return err
	}
	read, err := queries.AccountBalanceGetWithResponse(ctx, "ada-go", &query.AccountBalanceGetParams{OrchestrixPosition: &position, Prefer: &wait})
	if err != nil {
		return err
	}
	if read.JSON200 == nil {
		return fmt.Errorf("read: %s: %s", read.Status(), read.Body)
	}
	fmt.Println(read.JSON200.Data.Owner, read.JSON200.Data.Balance, read.JSON200.Data.Currency)

	refused, err := commands.AccountOpenWithResponse(ctx, "bob-go", nil, command.BankingOpen{Owner: "Bob", Currency: "euro"})
	if err != nil {
		return err
	}
	if refused.ApplicationproblemJSON422 == nil {
		return fmt.Errorf("open with a bad currency: %s: %s", refused.Status(), refused.Body)
	}
	fmt.Println(refused.ApplicationproblemJSON422.Code)

	operator, err := admin.NewClientWithResponses(adminURL, admin.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		return err
	}
	projections, err := operator.GetProjectionsWithResponse(ctx)
	if err != nil {
		return err
	}
	if projections.JSON200 == nil {
		return fmt.Errorf("projections: %s: %s", projections.Status(), projections.Body)
	}
	for _, build := range projections.JSON200.Items {
		if build.View == "account-balance" {
			fmt.Println(build.View)
		}
	}
	return nil
}
