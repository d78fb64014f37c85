package jetstream

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// peer is another worker of the topic, with its last heartbeat.
type peer struct {
	heartbeat
	at time.Time
}

// heartbeat is the state of a worker, as it announces it to its peers.
type heartbeat struct {
	Worker  string `json:"worker"`
	Group   string `json:"group"`
	Leaving bool   `json:"leaving,omitempty"` // it claims no partition any more, and finishes the messages that it holds
	Free    bool   `json:"free,omitempty"`    // it has just released a partition
	Owns    []int  `json:"owns"`              // the partitions that it owns, or tries to own
}

// maxHeartbeatInterval is the longest time between two heartbeats.
const maxHeartbeatInterval = time.Second

func (w *worker) heartbeatInterval() time.Duration { return min(w.AckWait/4, maxHeartbeatInterval) }

// members are the ids of the workers that share the partitions, in the same order on each worker.
func (w *worker) members() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	members := []string{w.id}
	for id, p := range w.peers {
		switch {
		case time.Since(p.at) > w.AckWait:
			delete(w.peers, id)
		case !p.Leaving && p.Group == w.Group:
			members = append(members, id)
		}
	}
	slices.Sort(members)
	return members
}

// peerState reports whether a worker was heard lately, with its last heartbeat, or is silent. It is neither if that is
// unknown, because this worker has just started, or has itself sent no heartbeats.
func (w *worker) peerState(id string) (last heartbeat, heard, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard = time.Since(w.peers[id].at) < w.AckWait
	if heard {
		last = w.peers[id].heartbeat
	}
	return last, heard, !heard && time.Since(w.listening) > w.AckWait && time.Since(w.sent) < w.AckWait/2
}

// sendHeartbeat announces this worker to its peers. A heartbeat that gets lost is replaced by the next one.
func (w *worker) sendHeartbeat(h heartbeat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.Worker, h.Group, h.Leaving, h.Owns = w.id, w.Group, w.leaving, w.owns
	body, err := json.Marshal(h)
	if err == nil {
		err = w.bus.conn.Publish(w.bus.config.heartbeatSubject(w.topic), body)
	}
	if err != nil {
		return
	}
	if time.Since(w.sent) > w.AckWait/2 {
		w.listening = time.Now()
	}
	w.sent = time.Now()
}

func (w *worker) onHeartbeat(m *nats.Msg) {
	var h heartbeat
	if err := json.Unmarshal(m.Data, &h); err != nil || h.Worker == "" || h.Worker == w.id {
		return
	}
	w.mu.Lock()
	before, known := w.peers[h.Worker]
	w.peers[h.Worker] = peer{h, time.Now()}
	w.mu.Unlock()
	if !known || h.Free || h.Leaving != before.Leaving {
		w.wake()
	}
}

// wake makes the worker assign the partitions again.
func (w *worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// conflictingGroup is the error of a subscription to a topic that has another group.
func (w *worker) conflictingGroup(group string) error {
	return fmt.Errorf("topic %s has the group %s: a topic has one, %s can't have it too", w.topic, group, w.Group)
}
