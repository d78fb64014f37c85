package ordering_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

const fulfilled = "10250"

var (
	reserve41 = ordering.Reserve{Order: fulfilled, Quantity: 10}
	reserve51 = ordering.Reserve{Order: fulfilled, Quantity: 36} // of two lines
	release   = ordering.Release{Order: fulfilled}
	issue     = ordering.Issue{Order: fulfilled}
	authorize = ordering.Authorize{Amount: money("1446.63")} // 1380.80 and freight

	inTime     = es.After("step", 30*time.Second)
	wasInTime  = es.Cancel("step")
	unreserve  = []es.Effect{es.Send("51", release).Tagged("undo 1"), es.Send("41", release).Tagged("undo 0")}
	unpaid     = es.Send(fulfilled, ordering.Refund{}).Tagged("undo 2")
	givesBack  = es.Send(fulfilled, ordering.Refund{}).Tagged("undo 3")
	failsOrder = func(action int, reason string) es.Effect {
		return es.Send(fulfilled, ordering.FailFulfilment{Reason: reason}).Tagged(fmt.Sprint("do ", action))
	}
)

// reserving is an instance that waits for two products to be reserved.
func reserving(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	t.Parallel()
	_, placed := managed()
	return estest.GivenProcess(t, ordering.Module(), ordering.FulfilmentProcess).When(fulfilled, placed).
		Then(es.AtStep("reserve"), es.Send("41", reserve41).Tagged("do 0"), es.Send("51", reserve51).Tagged("do 1"), inTime)
}

func authorizing(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return reserving(t).WhenAccepted(reserve51).Then().WhenAccepted(reserve41).
		Then(wasInTime, es.AtStep("authorize"), es.Send(fulfilled, authorize).Tagged("do 2"), inTime)
}

func capturing(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return authorizing(t).WhenAccepted(authorize).
		Then(wasInTime, es.AtStep("capture"), es.Send(fulfilled, ordering.Capture{}).Tagged("do 3"), inTime)
}

func confirming(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return capturing(t).WhenAccepted(ordering.Capture{}).
		Then(wasInTime, es.AtStep("confirm"), es.Send(fulfilled, ordering.Confirm{}).Tagged("do 4"), inTime)
}

func TestFulfilment(t *testing.T) {
	confirming(t).WhenAccepted(ordering.Confirm{}).
		Then(wasInTime, es.Send("41", issue).Tagged("do 5"), es.Send("51", issue).Tagged("do 6")).
		WhenAccepted(issue).Then().WhenAccepted(issue).Then(es.Complete()).
		ThenStatus(estest.StatusCompleted)
}

func TestOtherOrdersAreNotFulfilled(t *testing.T) {
	t.Parallel()
	s := estest.GivenProcess(t, ordering.Module(), ordering.FulfilmentProcess).When("1", placed).Then()
	if status := s.Instance().Status; status != "" {
		t.Errorf("the instance is %s", status)
	}
}

// What could be reserved is released; what could not be is not.
func TestOneProductIsOutOfStock(t *testing.T) {
	const reason = "reserve: out-of-stock"
	t.Run("first", func(t *testing.T) {
		reserving(t).WhenRejected(reserve41, "out-of-stock").Then(es.Compensating(reason), wasInTime).
			WhenAccepted(reserve51).Then(unreserve[0]).
			WhenAccepted(release).Then(failsOrder(2, reason)).
			WhenAccepted(ordering.FailFulfilment{Reason: reason}).Then(es.Fail(reason))
	})
	t.Run("last", func(t *testing.T) {
		reserving(t).WhenAccepted(reserve51).Then().
			WhenRejected(reserve41, "out-of-stock").Then(es.Compensating(reason), wasInTime, unreserve[0]).
			WhenAccepted(release).Then(failsOrder(2, reason))
	})
	t.Run("late", func(t *testing.T) {
		const late = "reserve: no answer within 30s"
		reserving(t).WhenAccepted(reserve41).Then().
			WhenPassed("step").Then(es.Compensating(late), unreserve[1]).
			WhenAccepted(release).Then().
			WhenAccepted(reserve51).Then(unreserve[0]).
			WhenAccepted(release).Then(failsOrder(2, late))
	})
}

func TestPaymentIsDeclined(t *testing.T) {
	const reason = "authorize: payment-declined"
	authorizing(t).WhenRejected(authorize, "payment-declined").
		Then(append([]es.Effect{es.Compensating(reason), wasInTime}, unreserve...)...).
		WhenAccepted(release).Then().WhenAccepted(release).Then(failsOrder(3, reason)).
		WhenAccepted(ordering.FailFulfilment{Reason: reason}).Then(es.Fail(reason))
}

// The customer has cancelled the order meanwhile: what was done is undone, the last step first.
func TestOrderIsCancelledMeanwhile(t *testing.T) {
	const reason = "confirm: order-cancelled"
	confirming(t).WhenRejected(ordering.Confirm{}, "order-cancelled").
		Then(es.Compensating(reason), wasInTime, givesBack).
		WhenAccepted(ordering.Refund{}).Then(unpaid).
		WhenAccepted(ordering.Refund{}).Then(unreserve...).
		WhenAccepted(release).Then().WhenAccepted(release).Then(failsOrder(5, reason))
}

// A confirmation that was given up, and has come all the same, is taken back.
func TestConfirmationIsLate(t *testing.T) {
	confirming(t).WhenPassed("step").Then(es.Compensating("confirm: no answer within 30s"), givesBack).
		WhenAccepted(ordering.Confirm{}).Then().
		WhenAccepted(ordering.Refund{}).
		Then(es.Send(fulfilled, ordering.FailFulfilment{Reason: "confirmed too late"}).Tagged("undo 4"))
}
