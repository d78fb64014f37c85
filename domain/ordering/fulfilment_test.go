package ordering_test

import (
	"testing"
	"time"

	"orchestrix/domain/ordering"
	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
)

const fulfilled = "10250"

var (
	reserve41 = ordering.Reserve{Order: fulfilled, Quantity: 10}
	reserve51 = ordering.Reserve{Order: fulfilled, Quantity: 36} // of two lines
	release   = ordering.Release{Order: fulfilled}
	issue     = ordering.Issue{Order: fulfilled}
	authorize = ordering.Authorize{Amount: money("1446.63")} // 1380.80 and freight

	send41, send51        = es.Send("41", reserve41).Tagged("41"), es.Send("51", reserve51).Tagged("51")
	release41, release51  = es.Send("41", release), es.Send("51", release)
	sendAuthorize         = es.Send(fulfilled, authorize)
	sendCapture           = es.Send(fulfilled, ordering.Capture{})
	sendRefund            = es.Send(fulfilled, ordering.Refund{})
	compensating, atStep  = es.Compensating, es.AtStep
	reserveIn, authoriseI = es.After("reserve", 30*time.Second), es.After("authorize", 30*time.Second)
	captureIn             = es.After("capture", 30*time.Second)
)

// failing is the end of an order that failed for this reason.
func failing(reason string) []es.Effect {
	return []es.Effect{es.Send(fulfilled, ordering.FailFulfilment{Reason: reason}), es.AtStep("fail"), es.Fail(reason)}
}

// reserving is an instance that waits for two products to be reserved.
func reserving(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	t.Parallel()
	_, placed := managed()
	return estest.GivenProcess(t, ordering.Module(), ordering.FulfilmentProcess).
		When(fulfilled, placed).Then(reserveIn, send41, send51, atStep("reserve"))
}

func authorizing(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return reserving(t).WhenAccepted(reserve51).Then().
		WhenAccepted(reserve41).Then(es.Cancel("reserve"), sendAuthorize, authoriseI, atStep("authorize"))
}

func capturing(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return authorizing(t).WhenAccepted(authorize).Then(es.Cancel("authorize"), sendCapture, captureIn, atStep("capture"))
}

func confirming(t *testing.T) *estest.ProcessScenario {
	t.Helper()
	return capturing(t).WhenAccepted(ordering.Capture{}).Then(es.Cancel("capture"), es.Send(fulfilled, ordering.Confirm{}), atStep("confirm"))
}

func TestFulfilment(t *testing.T) {
	confirming(t).WhenAccepted(ordering.Confirm{}).
		Then(es.Send("41", issue), es.Send("51", issue), atStep("issue"), es.Complete()).
		WhenAccepted(issue).WhenAccepted(issue).
		ThenStatus(es.StatusCompleted)
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
	undo := []es.Effect{compensating("out-of-stock"), es.Cancel("reserve"), release51, atStep("release")}
	t.Run("first", func(t *testing.T) {
		reserving(t).WhenRejected(reserve41, "out-of-stock").Then().
			WhenAccepted(reserve51).Then(undo...).
			WhenAccepted(release).Then(failing("out-of-stock")...).ThenStatus(es.StatusFailed)
	})
	t.Run("last", func(t *testing.T) {
		reserving(t).WhenAccepted(reserve51).Then().
			WhenRejected(reserve41, "out-of-stock").Then(undo...).
			WhenAccepted(release).Then(failing("out-of-stock")...)
	})
	t.Run("all", func(t *testing.T) {
		reserving(t).WhenRejected(reserve51, "out-of-stock").Then().
			WhenRejected(reserve41, "too-many-reservations").
			Then(append([]es.Effect{compensating("out-of-stock"), es.Cancel("reserve")}, failing("out-of-stock")...)...)
	})
}

// A reservation that comes later than its release is released again, however late.
func TestLateReservation(t *testing.T) {
	late := func(t *testing.T) *estest.ProcessScenario {
		return reserving(t).WhenAccepted(reserve41).Then().
			WhenPassed("reserve").Then(compensating("reserve-not-answered"), es.Cancel("reserve"), release41, release51, atStep("release"))
	}
	t.Run("before the end", func(t *testing.T) {
		late(t).WhenAccepted(reserve51).Then(release51).
			WhenAccepted(release).Then().WhenAccepted(release).Then().
			WhenAccepted(release).Then(failing("reserve-not-answered")...)
	})
	t.Run("after the end", func(t *testing.T) {
		late(t).WhenAccepted(release).Then().WhenAccepted(release).Then(failing("reserve-not-answered")...).
			WhenAccepted(reserve51).Then(release51).
			WhenAccepted(release).Then()
	})
	t.Run("rejected", func(t *testing.T) {
		late(t).WhenRejected(reserve51, "out-of-stock").Then().
			WhenAccepted(release).Then().WhenAccepted(release).Then(failing("reserve-not-answered")...)
	})
}

func TestPaymentIsDeclined(t *testing.T) {
	authorizing(t).WhenRejected(authorize, "payment-declined").
		Then(compensating("payment-declined"), es.Cancel("authorize"), sendRefund, atStep("refund")).
		WhenAccepted(ordering.Refund{}).Then(release41, release51, atStep("release")).
		WhenAccepted(release).Then().WhenAccepted(release).Then(failing("payment-declined")...)
}

// What pays is called off before the goods are released, whether it has happened or not.
func TestPaymentIsLate(t *testing.T) {
	t.Run("to be authorized", func(t *testing.T) {
		authorizing(t).WhenPassed("authorize").
			Then(compensating("authorize-not-answered"), es.Cancel("authorize"), sendRefund, atStep("refund")).
			WhenAccepted(authorize).Then().
			WhenAccepted(ordering.Refund{}).Then(release41, release51, atStep("release"))
	})
	t.Run("to be captured", func(t *testing.T) {
		capturing(t).WhenPassed("capture").
			Then(compensating("capture-not-answered"), es.Cancel("capture"), sendRefund, atStep("refund")).
			WhenAccepted(ordering.Refund{}).Then(release41, release51, atStep("release")).
			WhenRejected(ordering.Capture{}, "payment-voided").Then()
	})
	t.Run("and rejected", func(t *testing.T) {
		capturing(t).WhenRejected(ordering.Capture{}, "payment-voided").
			Then(compensating("payment-voided"), es.Cancel("capture"), sendRefund, atStep("refund"))
	})
}

// The customer has cancelled the order meanwhile: everything is undone.
func TestOrderIsCancelledMeanwhile(t *testing.T) {
	confirming(t).WhenRejected(ordering.Confirm{}, "order-cancelled").
		Then(compensating("order-cancelled"), es.Cancel("confirm"), sendRefund, atStep("refund")).
		WhenAccepted(ordering.Refund{}).Then(release41, release51, atStep("release")).
		WhenAccepted(release).Then().WhenAccepted(release).Then(failing("order-cancelled")...)
}

// A person may end the process early, as long as the order may not have been confirmed.
func TestFulfilmentIsCancelled(t *testing.T) {
	t.Run("early", func(t *testing.T) {
		capturing(t).WhenCancelled("why").
			Then(compensating("cancelled"), es.Cancel("capture"), sendRefund, atStep("refund"))
	})
	t.Run("late", func(t *testing.T) { confirming(t).WhenCancelled("why").Then().ThenStatus(es.StatusRunning) })
}
