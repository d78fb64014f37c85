package jetstream

import "time"

// maxAcked is how many acknowledged messages a partition's owner remembers.
const maxAcked = 4096

// ackedMessages are the newest messages that were acknowledged. The server removes an acknowledged message from the queue
// a moment after it has confirmed the acknowledgement; if it stops in between, a new consumer delivers the message again,
// after those that have been handled since.
type ackedMessages struct {
	published map[uint64]time.Time // by sequence; a recreated queue counts from 1 again, at other times
	order     []uint64             // a ring, once it is full
	oldest    int
}

func (a *ackedMessages) record(sequence uint64, published time.Time) {
	if a.published == nil {
		a.published = map[uint64]time.Time{}
	}
	if _, known := a.published[sequence]; !known {
		if len(a.order) < maxAcked {
			a.order = append(a.order, sequence)
		} else {
			delete(a.published, a.order[a.oldest])
			a.order[a.oldest] = sequence
			a.oldest = (a.oldest + 1) % maxAcked
		}
	}
	a.published[sequence] = published
}

func (a *ackedMessages) contains(sequence uint64, published time.Time) bool {
	at, ok := a.published[sequence]
	return ok && at.Equal(published)
}
