package banking_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// bank is a platform with the accounts of Ada, who has 100, and Bob.
func bank(t *testing.T) *estest.Running {
	t.Helper()
	t.Parallel()
	p := estest.Platform(t, banking.Module())
	p.Send("ada", banking.Open{Owner: "Ada", Currency: "EUR"})
	p.Send("bob", banking.Open{Owner: "Bob", Currency: "EUR"})
	p.Send("ada", banking.Deposit{Amount: money("100")})
	return p
}

// A transfer is four commands to two accounts. The test sends one, and sees what follows from it.
func TestMoneyMoves(t *testing.T) {
	p := bank(t)
	p.Send("t-1", banking.Request{From: "ada", To: "bob", Amount: money("40"), Currency: "EUR"})
	if transfer := estest.Read(p, banking.Transfers, "t-1"); transfer.Status != banking.Completed {
		t.Errorf("the transfer is %+v", transfer)
	}
	if ada, bob := estest.State(p, banking.AccountDecider, "ada"), estest.State(p, banking.AccountDecider, "bob"); !ada.Balance.Equal(money("60")) || !bob.Balance.Equal(money("40")) {
		t.Errorf("Ada has %s, Bob has %s", ada.Balance, bob.Balance)
	}
}

// What one account rejects, the other gets back, also after a restart in between.
func TestMoneyComesBack(t *testing.T) {
	p := bank(t)
	p.Hold("account")
	p.Send("t-1", banking.Request{From: "ada", To: "none", Amount: money("40"), Currency: "EUR"})
	p.Restart()
	p.Release("account")
	if transfer := estest.Read(p, banking.Transfers, "t-1"); transfer.Status != banking.Failed || transfer.Reason != "account-not-open" {
		t.Errorf("the transfer is %+v", transfer)
	}
	if i := p.Instance("transfer", "t-1"); i.Status != estest.StatusFailed {
		t.Errorf("the instance is %+v", i)
	}
	if ada := estest.Read(p, banking.AccountBalances, "ada"); !ada.Balance.Equal(money("100")) {
		t.Errorf("Ada has %s", ada.Balance)
	}
}

// An account that answers after the deadline has the last word.
func TestAnAnswerIsLate(t *testing.T) {
	p := bank(t)
	p.Hold("account")
	p.Send("t-1", banking.Request{From: "ada", To: "bob", Amount: money("40"), Currency: "EUR"})
	p.Pass(banking.DefaultStepTimeout)
	if i := p.Instance("transfer", "t-1"); i.Status != estest.StatusCompensating || i.Reason != "debit-not-answered" {
		t.Errorf("the instance is %+v", i)
	}
	p.Release("account")
	if transfer := estest.Read(p, banking.Transfers, "t-1"); transfer.Status != banking.Failed || !transfer.EndedAt.Equal(p.Now()) {
		t.Errorf("the transfer is %+v", transfer)
	}
	if ada := estest.State(p, banking.AccountDecider, "ada"); !ada.Balance.Equal(money("100")) || len(ada.Entries) > 0 {
		t.Errorf("Ada's account is %+v", ada)
	}
}
