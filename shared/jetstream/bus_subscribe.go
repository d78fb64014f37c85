package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"orchestrix/shared/es"
)

// Subscribe implements [es.Subscriber].
//
// The workers of a topic share its partitions. A partition is read through one consumer, which its owner creates: the
// server lets a work queue have no second one for the same messages, so at most one worker is given the messages of a
// partition, and order is kept by a single reader. Who takes over deletes the old owner's consumer, and with it whatever
// that one could still acknowledge, and is given all that is not acknowledged again, in order, by its own. Workers tell
// each other over core NATS that they are there; that decides who should own what, and who is taken for dead, but
// nothing that order depends on.
func (b *Bus) Subscribe(ctx context.Context, topic es.Topic, s es.Subscription, handle es.Handler) error {
	if err := es.CheckTopic(topic); err != nil {
		return err
	}
	return b.subscribe(ctx, topic, s, handle)
}

func (b *Bus) subscribe(ctx context.Context, topic es.Topic, s es.Subscription, handle es.Handler) error {
	s, err := s.WithDefaults()
	if err != nil {
		return err
	}
	w := &worker{
		bus: b, topic: topic, Subscription: s, handle: handle, id: rand.Text()[:12],
		slots: make(chan struct{}, s.MaxInFlight), mates: map[string]mate{}, nudged: make(chan struct{}, 1),
	}
	return w.run(ctx)
}

// worker is one call of Subscribe.
type worker struct {
	es.Subscription
	bus      *Bus
	topic    es.Topic
	handle   es.Handler
	id       string
	slots    chan struct{} // one for each handler at work
	suspects sync.RWMutex  // held alone by the handler of a message that may have killed workers
	nudged   chan struct{} // something has changed for the assignment

	mu        sync.Mutex
	mates     map[string]mate // other workers of the topic, by id
	leaving   bool
	owns      []int
	spoke     time.Time // when it last said hello
	listening time.Time // since when it would have heard others
}

// mate is another worker, as it was last heard.
type mate struct {
	hello
	at time.Time
}

// hello is what a worker says about itself.
type hello struct {
	Worker  string `json:"worker"`
	Group   string `json:"group"`
	Leaving bool   `json:"leaving,omitempty"` // it takes no more, and finishes what it has
	Free    bool   `json:"free,omitempty"`    // it has just given a partition away
	Owns    []int  `json:"owns"`              // the partitions that it owns, or goes after
}

// maxBeat is the longest time between two hellos.
const maxBeat = time.Second

func (w *worker) beat() time.Duration { return min(w.AckWait/4, maxBeat) }

// run owns partitions until ctx has ended and the last of them is given away.
func (w *worker) run(ctx context.Context) error {
	hellos, err := w.bus.log.conn.Subscribe(w.bus.helloSubject(w.topic), w.hear)
	if err != nil {
		return unavailable("subscribe to "+w.bus.helloSubject(w.topic), err)
	}
	defer hellos.Unsubscribe() //nolint:errcheck // it fails where the connection is closed, and then there is nothing to undo
	if err := w.enter(ctx); err != nil || ctx.Err() != nil {
		w.note(true, nil)
		w.say(hello{})
		return err
	}
	owning, release := context.WithCancel(ctx)
	defer release()
	owned := map[int]context.CancelFunc{}
	ended := make(chan ending)
	tick := time.NewTicker(w.beat())
	defer tick.Stop()
	var failed error
	done := ctx.Done()
	for {
		w.assign(owning, owned, ended)
		w.note(owning.Err() != nil, owned)
		w.say(hello{})
		if len(owned) == 0 && owning.Err() != nil {
			return failed
		}
		select {
		case <-done:
			done = nil // and go on saying hello, so that what is being finished is not taken away
		case <-tick.C:
		case <-w.nudged:
		case end := <-ended:
			owned[end.partition]()
			delete(owned, end.partition)
			if failed == nil && end.err != nil {
				failed = end.err
				release()
			}
		}
	}
}

// enter waits until it is known that no other group has the topic, before this worker takes a partition that the other has
// not got yet.
func (w *worker) enter(ctx context.Context) error {
	tick := time.NewTicker(w.beat())
	defer tick.Stop()
	for ctx.Err() == nil {
		w.say(hello{})
		others, err := w.consumers(ctx)
		if err == nil {
			var known bool
			if known, err = w.only(others); known || err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-w.nudged:
		case <-ctx.Done():
		}
	}
	return nil
}

// only reports whether the topic's consumers are of this group or of workers that are gone. It returns the error of a
// subscription whose topic has another group.
func (w *worker) only(consumers []string) (known bool, err error) {
	known = true
	for _, name := range consumers {
		if h, ok := parseHolder(name); ok && h.group != w.Group {
			_, heard, silent := w.hears(h.worker)
			if heard {
				return false, w.rival(h.group)
			}
			known = known && silent
		}
	}
	return known, nil
}

// ending is what became of the ownership of a partition.
type ending struct {
	partition int
	err       error // that ends the subscription
}

// assign goes after the partitions that are this worker's share, and gives the others away.
func (w *worker) assign(ctx context.Context, owned map[int]context.CancelFunc, ended chan<- ending) {
	team := w.team()
	for number := range w.bus.log.partitions {
		mine := ctx.Err() == nil && team[number%len(team)] == w.id
		release, running := owned[number]
		switch {
		case running && !mine:
			release()
		case mine && !running:
			owning, release := context.WithCancel(ctx)
			owned[number] = release
			p := newPartition(w, number)
			go func() { ended <- ending{number, p.run(owning)} }()
		}
	}
}

// team is the workers that share the partitions, in the same order for each of them.
func (w *worker) team() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	team := []string{w.id}
	for id, m := range w.mates {
		switch {
		case time.Since(m.at) > w.AckWait:
			delete(w.mates, id)
		case !m.Leaving && m.Group == w.Group:
			team = append(team, id)
		}
	}
	slices.Sort(team)
	return team
}

// hears reports whether a worker is heard, and what it said last, or whether it is silent: neither, where it can't be told,
// since this one has just started, or was itself silent.
func (w *worker) hears(id string) (last hello, heard, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard = time.Since(w.mates[id].at) < w.AckWait
	if heard {
		last = w.mates[id].hello
	}
	return last, heard, !heard && time.Since(w.listening) > w.AckWait && time.Since(w.spoke) < w.AckWait/2
}

// say tells the others that this worker is there. Where it gets lost, the next does it.
func (w *worker) say(h hello) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.Worker, h.Group, h.Leaving, h.Owns = w.id, w.Group, w.leaving, w.owns
	body, err := json.Marshal(h)
	if err == nil {
		err = w.bus.log.conn.Publish(w.bus.helloSubject(w.topic), body)
	}
	if err != nil {
		return
	}
	if time.Since(w.spoke) > w.AckWait/2 {
		w.listening = time.Now()
	}
	w.spoke = time.Now()
}

func (w *worker) hear(m *nats.Msg) {
	var h hello
	if err := json.Unmarshal(m.Data, &h); err != nil || h.Worker == "" || h.Worker == w.id {
		return
	}
	w.mu.Lock()
	before, known := w.mates[h.Worker]
	w.mates[h.Worker] = mate{h, time.Now()}
	w.mu.Unlock()
	if !known || h.Free || h.Leaving != before.Leaving {
		w.nudge()
	}
}

// note is what the next hello says.
func (w *worker) note(leaving bool, owned map[int]context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaving, w.owns = leaving, slices.Sorted(maps.Keys(owned))
}

func (w *worker) nudge() {
	select {
	case w.nudged <- struct{}{}:
	default:
	}
}

// errTaken says that another worker owns the partition.
var errTaken = errors.New("another worker owns the partition")

// rival is the error of a subscription whose topic has another group.
func (w *worker) rival(group string) error {
	return fmt.Errorf("topic %s has the group %s: a topic has one, %s can't have it too", w.topic, group, w.Group)
}
