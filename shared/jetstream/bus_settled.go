package jetstream

import "time"

// maxSettled is how many messages that are done a partition's owner remembers.
const maxSettled = 4096

// settled remembers the messages that are done and acknowledged, the newest of them. The server takes an acknowledged message
// out of the queue a moment after it has confirmed that; where it stops in between, a new consumer gives the message once
// more, behind those that have been handled since.
type settled struct {
	published map[uint64]time.Time // by sequence; a queue that was made anew counts from 1 again, at other times
	order     []uint64             // a ring, once it is full
	oldest    int
}

func (s *settled) add(sequence uint64, published time.Time) {
	if s.published == nil {
		s.published = map[uint64]time.Time{}
	}
	if _, again := s.published[sequence]; !again {
		if len(s.order) < maxSettled {
			s.order = append(s.order, sequence)
		} else {
			delete(s.published, s.order[s.oldest])
			s.order[s.oldest] = sequence
			s.oldest = (s.oldest + 1) % maxSettled
		}
	}
	s.published[sequence] = published
}

func (s *settled) has(sequence uint64, published time.Time) bool {
	at, ok := s.published[sequence]
	return ok && at.Equal(published)
}
