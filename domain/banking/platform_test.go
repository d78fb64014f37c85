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
