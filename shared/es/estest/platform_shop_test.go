package estest_test

import (
	"context"
	"errors"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// A shop: a seat is held for a quarter of an hour, and freed where it is not paid. Its parts fail on request.

type (
	Seat struct {
		Held bool `json:"held"`
		Paid bool `json:"paid"`
	}
	Hold struct {
		Guest string `json:"guest" minLength:"1"`
	}
	Pay      struct{}
	Free     struct{}
	Refund   struct{}
	Break    struct{}
	SeatHeld struct {
		Guest string `json:"guest"`
	}
	SeatPaid     struct{}
	SeatFreed    struct{}
	SeatRefunded struct{}

	Offer struct {
		Guest string    `json:"guest"`
		State string    `json:"state"`
		Since time.Time `json:"since"`
	}
	holding struct {
		Guest string `json:"guest"`
	}
	seatsParams struct {
		State string `json:"state" enum:"held,paid,free"`
		Limit int    `json:"limit" minimum:"1" maximum:"10" default:"10"`
	}
	seats struct {
		Guests []string `json:"guests"`
		Limit  int      `json:"limit"`
	}
)

var seatDecider = es.Decider[Seat]{
	Category: "seat",
	Decide: es.Commands[Seat]{
		es.Handle("hold", func(s Seat, c Hold) ([]es.Event, error) {
			if s.Held {
				return es.Reject("seat-held", "another guest has it")
			}
			return es.Accept(SeatHeld(c))
		}),
		es.Handle("pay", func(s Seat, _ Pay) ([]es.Event, error) {
			if !s.Held {
				return es.Reject("seat-not-held", "hold it first")
			}
			return es.Accept(SeatPaid{})
		}),
		es.Handle("free", func(s Seat, _ Free) ([]es.Event, error) {
			if s.Paid {
				return es.Reject("seat-paid", "it is too late")
			}
			return es.Accept(SeatFreed{})
		}).Internal(),
		es.Handle("refund", func(Seat, Refund) ([]es.Event, error) { return es.Accept(SeatRefunded{}) }).Internal(),
		es.Handle("break", func(Seat, Break) ([]es.Event, error) { panic("broken") }),
	},
	Evolve: es.Events[Seat]{
		es.Apply("SeatHeld", func(s Seat, _ SeatHeld) Seat { return Seat{Held: true, Paid: s.Paid} }),
		es.Apply("SeatPaid", func(s Seat, _ SeatPaid) Seat { return Seat{Held: s.Held, Paid: true} }),
		es.Apply("SeatRefunded", func(s Seat, _ SeatRefunded) Seat { return Seat{Held: s.Held} }),
		es.Apply("SeatFreed", func(Seat, SeatFreed) Seat { return Seat{} }),
	},
}

var offers = es.View[Offer]{
	Name: "offers", Version: 1,
	Fields: es.Fields{{Name: "state"}, {Name: "guest"}},
	On: es.Folds[Offer]{
		es.OnWith(func(o *Offer, e SeatHeld, m es.Meta) error {
			if e.Guest == "unknown" {
				return errors.New("no such guest")
			}
			*o = Offer{Guest: e.Guest, State: "held", Since: m.Time}
			return nil
		}),
		es.OnWith(func(o *Offer, _ SeatPaid, m es.Meta) error {
			o.State, o.Since = "paid", m.Time
			return nil
		}),
		es.OnWith(func(*Offer, SeatFreed, es.Meta) error { return es.Delete }),
	},
}

var seatsQuery = es.Query[seatsParams, seats]{
	Name: "seats",
	Run: func(ctx context.Context, views es.Views, p seatsParams) (seats, error) {
		found, err := es.List[Offer](ctx, views, "offers", es.ListQuery{Filter: []es.FieldValue{{Field: "state", Value: p.State}}, Limit: p.Limit})
		s := seats{Limit: p.Limit}
		for _, o := range found {
			s.Guests = append(s.Guests, o.Guest)
		}
		return s, err
	},
}

const holdTime = 15 * time.Minute

var holdProcess = es.Process[holding]{
	Name: "hold",
	On: es.Reactions[holding]{
		es.Start(es.StreamID, func(h holding, e SeatHeld, m es.Meta) (holding, []es.Effect) {
			switch e.Guest {
			case "panic":
				panic("no such guest")
			case "break":
				return h, []es.Effect{es.Send(m.Stream.ID, Break{})}
			}
			return holding(e), []es.Effect{es.After("unpaid", holdTime)}
		}),
		es.When(es.StreamID, func(h holding, _ SeatPaid, _ es.Meta) (holding, []es.Effect) {
			return h, []es.Effect{es.Complete()}
		}),
		es.OnDeadline("unpaid", func(h holding, m es.Meta) (holding, []es.Effect) {
			return h, []es.Effect{es.Send(m.Stream.ID, Free{}), es.Fail("not paid")}
		}),
	},
}

func shop() es.Module {
	return es.Module{
		Name: "shop", Deciders: []es.DeciderDef{seatDecider}, Views: []es.ViewDef{offers},
		Queries: []es.QueryDef{seatsQuery}, Processes: []es.ProcessDef{holdProcess},
	}
}
