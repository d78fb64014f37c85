package estest_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// bookingSaga pays for a seat within a quarter of an hour, and frees it otherwise.
var bookingSaga = es.Saga[holding]{
	Name:  "booking",
	Start: es.StartSaga(es.StreamID, func(_ SeatHeld, m es.Meta) holding { return holding{Guest: m.Stream.ID} }),
	Steps: []es.SagaStep[holding]{{Name: "pay", Timeout: holdTime, Do: func(h holding) []es.SagaAction {
		return []es.SagaAction{es.Do(es.Send(h.Guest, Pay{})).UndoneBy(es.Send(h.Guest, Refund{}))}
	}}},
	Failed: func(h holding, _ string) []es.Effect { return []es.Effect{es.Send(h.Guest, Free{})} },
}

func bookings(t *testing.T) *estest.Running {
	t.Helper()
	t.Parallel()
	module := shop()
	module.Processes = []es.ProcessDef{bookingSaga}
	return estest.Platform(t, module)
}

// A saga whose step is late by a quarter of an hour undoes it when its answer comes.
func TestASagaIsLate(t *testing.T) {
	p := bookings(t)
	p.Hold("seat")
	p.Hold("seat")
	p.Send("1a", Hold{Guest: "Ada"})
	p.Pass(holdTime - 1)
	if i := p.Instance("booking", "1a"); i.Status != estest.StatusRunning || len(i.Deadlines) != 1 {
		t.Errorf("the instance is %+v", i)
	}
	p.Restart()
	p.Pass(1)
	if i := p.Instance("booking", "1a"); i.Status != estest.StatusCompensating || i.Reason != "pay: no answer within 15m0s" {
		t.Errorf("the instance is %+v", i)
	}
	p.Release("seat")
	if i := p.Instance("booking", "1a"); i.Status != estest.StatusFailed {
		t.Errorf("the instance is %+v", i)
	}
	if seat := estest.State(p, seatDecider, "1a"); seat != (Seat{}) {
		t.Errorf("the seat is %+v", seat)
	}
}

func TestASagaIsInTime(t *testing.T) {
	p := bookings(t)
	p.Send("1a", Hold{Guest: "Ada"})
	p.Pass(holdTime)
	if i := p.Instance("booking", "1a"); i.Status != estest.StatusCompleted {
		t.Errorf("the instance is %+v", i)
	}
	if seat := estest.State(p, seatDecider, "1a"); seat != (Seat{Held: true, Paid: true}) {
		t.Errorf("the seat is %+v", seat)
	}
}
