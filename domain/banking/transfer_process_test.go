package banking_test

import (
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

var (
	complete    = es.Send("t-1", banking.Complete{})
	sendDebit   = es.Send("ada", debit)
	sendCredit  = es.Send("bob", credit)
	revokeAda   = es.Send("ada", revoke)
	revokeBob   = es.Send("bob", revoke)
	settleAda   = es.Send("ada", settle)
	settleBob   = es.Send("bob", settle)
	debitLate   = es.After("debit", time.Minute)
	creditLate  = es.After("credit", time.Minute)
	failingWith = func(reason string) es.Effect { return es.Send("t-1", banking.Fail{Reason: reason}) }
)

// begun is an instance that waits for the debit.
func begun(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	t.Parallel()
	module := banking.Module(banking.StepTimeout(time.Minute))
	return estest.GivenProcess(t, module, module.Processes[0]).
		When("t-1", requested).Then(sendDebit, debitLate, es.AtStep("debit"))
}

// inFlight is an instance that waits for the credit.
func inFlight(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return begun(t).WhenAccepted(debit).
		Then(es.Cancel("debit"), sendCredit, creditLate, es.AtStep("credit"))
}

func TestTransferCompletes(t *testing.T) {
	inFlight(t).WhenAccepted(credit).
		Then(complete, settleAda, settleBob, es.AtStep("over"), es.Complete()).
		WhenAccepted(banking.Complete{}).WhenAccepted(settle).WhenAccepted(settle).
		ThenStatus(estest.StatusCompleted)
}

// What was rejected may come again, and be accepted then: the account gets a revoke for it before the transfer ends.
func TestDebitIsRejected(t *testing.T) {
	begun(t).WhenRejected(debit, "insufficient-funds").
		Then(es.Compensating("insufficient-funds"), es.Cancel("debit"), revokeAda, es.AtStep("revoke-debit")).
		WhenAccepted(revoke).
		Then(failingWith("insufficient-funds"), settleAda, es.AtStep("over"), es.Fail("insufficient-funds")).
		ThenStatus(estest.StatusFailed)
}

func TestCreditIsRejected(t *testing.T) {
	inFlight(t).WhenRejected(credit, "account-closed").
		Then(es.Compensating("account-closed"), es.Cancel("credit"), revokeBob, es.AtStep("revoke-credit")).
		ThenStatus(estest.StatusCompensating).
		WhenAccepted(revoke).Then(revokeAda, es.AtStep("return")).
		WhenAccepted(revoke).
		Then(failingWith("account-closed"), settleAda, settleBob, es.AtStep("over"), es.Fail("account-closed"))
}

func TestCreditIsRejectedAndComesAgain(t *testing.T) {
	inFlight(t).WhenRejected(credit, "account-not-open").
		Then(es.Compensating("account-not-open"), es.Cancel("credit"), revokeBob, es.AtStep("revoke-credit")).
		WhenRejected(revoke, "transfer-credited").
		Then(complete, settleAda, settleBob, es.AtStep("over"), es.Complete())
}

// debitIsLate is an instance that has asked the source to revoke.
func debitIsLate(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return begun(t).WhenPassed("debit").
		Then(es.Compensating("debit-not-answered"), es.Cancel("debit"), revokeAda, es.AtStep("revoke-debit"))
}

// Whether the late debit has happened or not, the source answers which: the process need not know.
func TestDebitIsAnsweredBeforeItsRevocation(t *testing.T) {
	end := []es.Effect{failingWith("debit-not-answered"), settleAda, es.AtStep("over"), es.Fail("debit-not-answered")}
	t.Run("accepted", func(t *testing.T) { debitIsLate(t).WhenAccepted(debit).Then().WhenAccepted(revoke).Then(end...) })
	t.Run("rejected", func(t *testing.T) {
		debitIsLate(t).WhenRejected(debit, "insufficient-funds").Then().WhenAccepted(revoke).Then(end...)
	})
}

// The source remembers the transfer until the late debit has come and was refused.
func TestDebitIsAnsweredAfterTheEnd(t *testing.T) {
	debitIsLate(t).WhenAccepted(revoke).
		Then(failingWith("debit-not-answered"), es.AtStep("over"), es.Fail("debit-not-answered")).
		WhenRejected(debit, "transfer-revoked").
		Then(settleAda).
		ThenStatus(estest.StatusFailed)
}

// creditIsLate is an instance that has asked the destination to revoke.
func creditIsLate(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return inFlight(t).WhenPassed("credit").
		Then(es.Compensating("credit-not-answered"), es.Cancel("credit"), revokeBob, es.AtStep("revoke-credit"))
}

// A credit that has happened is a success, however late one hears of it.
func TestLateCreditHasHappened(t *testing.T) {
	t.Run("and is answered first", func(t *testing.T) {
		creditIsLate(t).WhenAccepted(credit).Then().WhenRejected(revoke, "transfer-credited").
			Then(complete, settleAda, settleBob, es.AtStep("over"), es.Complete())
	})
	t.Run("and is answered last", func(t *testing.T) {
		creditIsLate(t).WhenRejected(revoke, "transfer-credited").
			Then(complete, settleAda, es.AtStep("over"), es.Complete()).
			WhenAccepted(credit).Then(settleBob).
			ThenStatus(estest.StatusCompleted)
	})
}

// The money goes back when the destination has promised not to take it, and not before.
func TestLateCreditHasNotHappened(t *testing.T) {
	back := []es.Effect{revokeAda, es.AtStep("return")}
	fail := failingWith("credit-not-answered")
	t.Run("and is answered first", func(t *testing.T) {
		creditIsLate(t).WhenRejected(credit, "account-closed").Then().WhenAccepted(revoke).Then(back...).
			WhenAccepted(revoke).Then(fail, settleAda, settleBob, es.AtStep("over"), es.Fail("credit-not-answered"))
	})
	t.Run("and is answered last", func(t *testing.T) {
		creditIsLate(t).WhenAccepted(revoke).Then(back...).
			WhenAccepted(revoke).Then(fail, settleAda, es.AtStep("over"), es.Fail("credit-not-answered")).
			WhenRejected(credit, "transfer-revoked").Then(settleBob)
	})
}

// A person may end a transfer early: it is given up where that is still possible, and continues where not.
func TestTransferIsCancelled(t *testing.T) {
	t.Run("at the debit", func(t *testing.T) {
		begun(t).WhenCancelled("why").
			Then(es.Compensating("cancelled"), es.Cancel("debit"), revokeAda, es.AtStep("revoke-debit"))
	})
	t.Run("at the credit", func(t *testing.T) {
		inFlight(t).WhenCancelled("why").
			Then(es.Compensating("cancelled"), es.Cancel("credit"), revokeBob, es.AtStep("revoke-credit"))
	})
	t.Run("later", func(t *testing.T) {
		creditIsLate(t).WhenCancelled("why").Then().ThenStatus(estest.StatusCompensating)
	})
}

// What no account answers is a matter for people.
func TestRevokeIsRejectedByTheSource(t *testing.T) {
	debitIsLate(t).WhenRejected(revoke, "unheard-of").ThenParked("unheard-of")
}
