package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	services "github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// The services of the bank are this test's own binary, under names that start with this.
const bankBinaries = "bank-"

// Variants of the services of a bank, each with a fault.
const (
	bankVariant = "E2E_BANK"
	forgetful   = "forgetful" // accounts do not recognise a repeated transfer; and the process service breaks off at times
	wild        = "wild"      // as above, and it sends each command under a new id every time
)

// linkBank gives the test's binary those names, beside the binaries under test.
func linkBank(t testing.TB) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"command", "projection", "query", "process"} {
		err := os.Symlink(self, filepath.Join(bin, bankBinaries+kind))
		if err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

// bankService runs a service of the domain whose transfers give up soon, so that a fault makes some of them late.
func bankService(kind string) int {
	bank := banking.Module(banking.StepTimeout(3 * time.Second))
	app := services.Services{Open: services.Open}
	if variant := os.Getenv(bankVariant); variant != "" {
		bank.Deciders[0] = forgetfulAccounts()
		app.Failpoint = breakOffAtTimes
		if variant == wild {
			app.CommandID = func(id string) string { return id + rand.Text() }
			app.Open = openWild
		}
	}
	app.Modules = []es.Module{ordering.Module(), bank}
	ctx, stop := service.UntilSignal()
	defer stop()
	switch kind {
	case "command":
		var config service.CommandConfig
		return service.Main(ctx, service.Process{Service: kind, Args: os.Args[1:], Config: &config, Run: func(ctx context.Context, env service.Env) error { return app.Command(ctx, env, config) }})
	case "projection":
		var config service.ProjectionConfig
		return service.Main(ctx, service.Process{Service: kind, Args: os.Args[1:], Config: &config, Run: func(ctx context.Context, env service.Env) error { return app.Projection(ctx, env, config) }})
	case "query":
		var config service.QueryConfig
		return service.Main(ctx, service.Process{Service: kind, Args: os.Args[1:], Config: &config, Run: func(ctx context.Context, env service.Env) error { return app.Query(ctx, env, config) }})
	case "process":
		var config service.ProcessConfig
		return service.Main(ctx, service.Process{Service: kind, Args: os.Args[1:], Config: &config, Run: func(ctx context.Context, env service.Env) error { return app.Process(ctx, env, config) }})
	}
	fmt.Fprintf(os.Stderr, "%s%s is none of the bank's services\n", bankBinaries, kind)
	return 2
}

var errBrokenOff = errors.New("broken off on purpose")

// breakOffAtTimes makes a process service fail after one in twenty commands, so that it repeats the reaction.
func breakOffAtTimes(point string) error {
	if point == process.PointSent && mathrand.IntN(20) == 0 {
		return errBrokenOff
	}
	return nil
}

// forgetfulAccounts do not recognise a transfer that they have already debited or credited: only command ids prevent a
// second debit.
func forgetfulAccounts() es.DeciderDef {
	forgetful := banking.AccountDecider
	forgetful.Decide = es.Commands[banking.Account]{
		as[banking.Open]("open", same), as[banking.Deposit]("deposit", same), as[banking.Withdraw]("withdraw", same),
		as[banking.Close]("close", same), as[banking.Revoke]("revoke", same), as[banking.Settle]("settle", same),
		as("debit", func(a banking.Account, c banking.Debit) banking.Account { return forget(a, c.Transfer) }),
		as("credit", func(a banking.Account, c banking.Credit) banking.Account { return forget(a, c.Transfer) }),
	}
	return forgetful
}

// as decides a command as accounts do, on the state that sees makes of theirs.
func as[C any](name string, sees func(banking.Account, C) banking.Account) es.CommandHandler[banking.Account] {
	return es.Handle(name, func(a banking.Account, c C) ([]core.Event, error) {
		registry, err := compile.Modules(es.Module{Name: "banking", Deciders: []es.DeciderDef{banking.AccountDecider}})
		if err != nil {
			return nil, err
		}
		account, _ := registry.Aggregate(banking.AccountDecider.Category)
		command, _ := account.Command(name)
		return command.Decide(sees(a, c), c)
	})
}

func same[C any](a banking.Account, _ C) banking.Account { return a }

// forget removes what the account has moved for a transfer from its state. A block of the transfer is kept.
func forget(a banking.Account, transfer string) banking.Account {
	if a.Entries[transfer].Kind != banking.Revoked {
		a.Entries = maps.Clone(a.Entries)
		delete(a.Entries, transfer)
	}
	return a
}

// wildBus returns the result of a command to the process under the id that the process knows.
type wildBus struct{ port.MessageBus }

func (b wildBus) Subscribe(ctx context.Context, topic port.Topic, s port.Subscription, handle port.Handler) error {
	if topic != port.ResultTopic {
		return b.MessageBus.Subscribe(ctx, topic, s, handle)
	}
	const known = 32 // characters of an id before it was changed
	return b.MessageBus.Subscribe(ctx, topic, s, func(ctx context.Context, d port.Delivery) error {
		status, err := runtime.DecodeAsyncStatus(d.Message)
		if err == nil && len(status.CommandID) > known {
			d.Data = bytes.ReplaceAll(d.Data, []byte(status.CommandID), []byte(status.CommandID[:known]))
		}
		return handle(ctx, d)
	})
}

func openWild(ctx context.Context, env service.Env, databaseOptional bool) (*services.Backends, error) {
	backends, err := services.Open(ctx, env, databaseOptional)
	if err != nil {
		return nil, err
	}
	backends.Bus = wildBus{backends.Bus}
	return backends, nil
}
