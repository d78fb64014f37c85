package es_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// A trip: a flight, then beds in one or two hotels concurrently, then a message to the customer.
type (
	planned struct {
		Hotels []string
	}
	book   struct{ What string }
	unbook struct{ What string }
	tell   struct{ Text string }
)

type trip struct {
	Hotels []string
}

func (t trip) flight() []es.SagaAction {
	return []es.SagaAction{es.Do(es.Send("airline", book{"flight"})).UndoneBy(es.Send("airline", unbook{"flight"}))}
}

func (t trip) beds() (actions []es.SagaAction) {
	for _, hotel := range t.Hotels {
		actions = append(actions, es.Do(es.Send(hotel, book{"bed"})).UndoneBy(es.Send(hotel, unbook{"bed"})))
	}
	return actions
}

var travel = es.Module{
	Name: "travel",
	Deciders: []es.DeciderDef{
		es.Decider[int]{Category: "customer", Evolve: es.Events[int]{es.Apply("Planned", func(n int, _ planned) int { return n })},
			Decide: es.Commands[int]{es.Handle("tell", func(int, tell) ([]es.Event, error) { return es.Accept() })}},
		es.Decider[int]{Category: "partner", Decide: es.Commands[int]{
			es.Handle("book", func(int, book) ([]es.Event, error) { return es.Accept() }),
			es.Handle("unbook", func(int, unbook) ([]es.Event, error) { return es.Accept() }),
		}},
	},
}

var trips = es.Saga[trip]{
	Name:  "trip",
	Start: es.StartSaga(es.StreamID, func(e planned, _ es.Meta) trip { return trip(e) }),
	Steps: []es.SagaStep[trip]{
		{Name: "flight", Do: trip.flight, Timeout: time.Minute, RetryOn: []string{"busy"}, Retry: es.RetryPolicy{Backoff: es.Fixed, First: time.Second, Limit: 2}},
		{Name: "beds", Do: trip.beds, Timeout: time.Hour},
	},
	Completed: func(trip) []es.Effect { return []es.Effect{es.Send("c", tell{"have a good time"})} },
	Failed:    func(_ trip, reason string) []es.Effect { return []es.Effect{es.Send("c", tell{reason})} },
}

var (
	flight   = es.Send("airline", book{"flight"}).Tagged("do 0")
	noFlight = es.Send("airline", unbook{"flight"}).Tagged("undo 0")
)

func givenTrip(t testing.TB, hotels ...string) *estest.ProcessScenario {
	return estest.GivenProcess(t, travel, trips).When("c", planned{hotels}).
		Then(es.AtStep("flight"), flight, es.After("step", time.Minute))
}

func TestASagaCompletes(t *testing.T) {
	t.Parallel()
	givenTrip(t, "ritz", "savoy").
		WhenAccepted(book{"flight"}).
		Then(es.Cancel("step"), es.AtStep("beds"), es.Send("ritz", book{"bed"}).Tagged("do 1"), es.Send("savoy", book{"bed"}).Tagged("do 2"), es.After("step", time.Hour)).
		WhenAccepted(book{"bed"}).Then().
		WhenAccepted(book{"bed"}).Then(es.Cancel("step"), es.Send("c", tell{"have a good time"}).Tagged("do 3")).
		WhenAccepted(tell{"have a good time"}).Then(es.Complete()).ThenStatus(estest.StatusCompleted)
}

// A step without actions is passed over.
func TestASagaPassesOverAnEmptyStep(t *testing.T) {
	t.Parallel()
	givenTrip(t).WhenAccepted(book{"flight"}).Then(es.Cancel("step"), es.Send("c", tell{"have a good time"}).Tagged("do 1"))
}

// What has succeeded is undone in reverse order; what has failed is not.
func TestASagaUndoes(t *testing.T) {
	t.Parallel()
	givenTrip(t, "ritz", "savoy").
		WhenAccepted(book{"flight"}).ThenStatus(estest.StatusRunning).
		WhenAccepted(book{"bed"}).Then().
		WhenRejected(book{"bed"}, "no-bed").
		Then(es.Compensating("beds: no-bed"), es.Cancel("step"), es.Send("ritz", unbook{"bed"}).Tagged("undo 1")).
		ThenStatus(estest.StatusCompensating).
		WhenAccepted(unbook{"bed"}).Then(noFlight).
		WhenAccepted(unbook{"flight"}).Then(es.Send("c", tell{"beds: no-bed"}).Tagged("do 3")).
		WhenAccepted(tell{"beds: no-bed"}).Then(es.Fail("beds: no-bed"))
}

// What timed out may have worked: where it has, it is undone, before the instance ends.
func TestASagaUndoesALateSuccess(t *testing.T) {
	t.Parallel()
	const late = "flight: no answer within 1m0s"
	givenTrip(t, "ritz").
		WhenPassed("step").Then(es.Compensating(late)).ThenStatus(estest.StatusCompensating).
		WhenAccepted(book{"flight"}).Then(noFlight).
		WhenAccepted(unbook{"flight"}).Then(es.Send("c", tell{late}).Tagged("do 1")).
		WhenAccepted(tell{late}).Then(es.Fail(late))
	givenTrip(t, "ritz").
		WhenPassed("step").Then(es.Compensating(late)).
		WhenRejected(book{"flight"}, "full").Then(es.Send("c", tell{late}).Tagged("do 1"))
}

func TestASagaTriesAgain(t *testing.T) {
	t.Parallel()
	givenTrip(t).
		WhenRejected(book{"flight"}, "busy").Then(es.After("again-0", time.Second)).
		WhenPassed("again-0").Then(flight).
		WhenRejected(book{"flight"}, "busy").
		Then(es.Compensating("flight: busy"), es.Cancel("step"), es.Send("c", tell{"flight: busy"}).Tagged("do 1"))
	givenTrip(t).
		WhenRejected(book{"flight"}, "full").
		Then(es.Compensating("flight: full"), es.Cancel("step"), es.Send("c", tell{"flight: full"}).Tagged("do 1"))
	// The time is up while it pauses.
	late := "flight: no answer within 1m0s"
	givenTrip(t).
		WhenRejected(book{"flight"}, "busy").ThenStatus(estest.StatusRunning).
		WhenPassed("step").Then(es.Compensating(late), es.Cancel("again-0"), es.Send("c", tell{late}).Tagged("do 1"))
}

func TestACancelledSagaUndoes(t *testing.T) {
	t.Parallel()
	const why = "cancelled by operator: rain"
	givenTrip(t, "ritz").
		WhenAccepted(book{"flight"}).ThenStatus(estest.StatusRunning).
		WhenCancelled("rain").Then(es.Compensating(why), es.Cancel("step"), noFlight).
		WhenAccepted(book{"bed"}).Then().
		WhenAccepted(unbook{"flight"}).Then(es.Send("ritz", unbook{"bed"}).Tagged("undo 1")).
		WhenAccepted(unbook{"bed"}).Then(es.Send("c", tell{why}).Tagged("do 2")).
		WhenAccepted(tell{why}).Then(es.Fail(why))
}

// A compensation that is rejected waits for a person, who may have it sent again.
func TestACompensationThatIsRejected(t *testing.T) {
	t.Parallel()
	givenTrip(t, "ritz").
		WhenAccepted(book{"flight"}).ThenStatus(estest.StatusRunning).
		WhenRejected(book{"bed"}, "no-bed").ThenStatus(estest.StatusCompensating).
		WhenRejected(unbook{"flight"}, "strike").ThenParked(`the compensation of step "flight" was rejected: strike`).
		WhenRetried().Then(noFlight).
		WhenAccepted(unbook{"flight"}).Then(es.Send("c", tell{"beds: no-bed"}).Tagged("do 2"))
}

// In any order of triggers, the result is right: all is booked, or all bookings are undone.
func TestSagasComeToARightEnd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			s := givenTrip(t, "ritz", "savoy", "hilton")
			booked := map[string]int{}
			for steps := 0; !s.Instance().Status.Ended(); steps++ {
				if steps > 100 {
					t.Fatalf("it never ends: %+v", s.Instance())
				}
				randomStep(s, random, booked)
			}
			if s.Instance().Status == estest.StatusCompleted {
				if len(booked) != 4 {
					t.Errorf("it has completed with %v", booked)
				}
				return
			}
			for what, n := range booked {
				if n != 0 {
					t.Errorf("%s is booked %d times after it has failed", what, n)
				}
			}
		})
	}
}

// randomStep lets one thing happen that may happen now.
func randomStep(s *estest.ProcessScenario, random *rand.Rand, booked map[string]int) {
	p := s.Instance()
	if n := random.IntN(len(p.Sent) + len(p.Deadlines)); n >= len(p.Sent) {
		s.WhenPassed(p.Deadlines[n-len(p.Sent)]).ThenStatus(s.Instance().Status)
		return
	}
	sent := p.Sent[random.IntN(len(p.Sent))]
	accepted := sent.Name != "book" || random.IntN(4) > 0
	if accepted {
		booked[sent.To] += map[string]int{"book": 1, "unbook": -1}[sent.Name]
		if strings.HasPrefix(sent.Name, "tell") {
			delete(booked, sent.To)
		}
	}
	s.WhenResult(sent.ID, accepted, []string{"busy", "full"}[random.IntN(2)])
	s.ThenStatus(s.Instance().Status)
}
