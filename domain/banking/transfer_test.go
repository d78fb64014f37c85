package banking_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

var (
	request   = banking.Request{From: "ada", To: "bob", Amount: money("40.01"), Currency: "EUR"}
	requested = banking.TransferRequested{From: "ada", To: "bob", Amount: money("40.01"), Currency: "EUR"}
	completed = banking.TransferCompleted{}
	failed    = banking.TransferFailed{Reason: "insufficient-funds"}
	fail      = banking.Fail{Reason: "insufficient-funds"}
)

func transfer(t *testing.T, events ...es.Event) *estest.Scenario[banking.Transfer] {
	t.Helper()
	return estest.Given(t, banking.TransferDecider, events...)
}

func TestRequest(t *testing.T) {
	t.Parallel()
	same := request
	same.To = same.From
	transfer(t).When(same).ThenRejected("same-account")
	transfer(t).When(request).Then(requested).
		When(request).ThenRejected("transfer-already-requested")
	transfer(t, requested, failed).When(request).ThenRejected("transfer-already-requested")
}

// A transfer ends once, in one way.
func TestTransferEnds(t *testing.T) {
	t.Parallel()
	transfer(t).When(banking.Complete{}).ThenRejected("transfer-not-requested")
	transfer(t).When(fail).ThenRejected("transfer-not-requested")
	transfer(t, requested).When(banking.Complete{}).Then(completed).
		When(banking.Complete{}).ThenNothing().
		When(fail).ThenRejected("transfer-completed")
	transfer(t, requested).When(fail).Then(failed).
		When(fail).ThenNothing().
		When(banking.Complete{}).ThenRejected("transfer-failed")
}
