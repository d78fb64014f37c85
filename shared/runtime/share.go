package runtime

import "sync"

// share bounds how many projections a worker takes, so that all workers have about as many.
type share struct {
	mu     sync.Mutex
	target int
	taken  int
}

// set says how many the worker may have.
func (s *share) set(projections, workers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	workers = max(workers, 1)
	s.target = (projections + workers - 1) / workers
}

// take reports whether the worker may have one more.
func (s *share) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.target {
		return false
	}
	s.taken++
	return true
}

func (s *share) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
}

// excess is how many of so many are too many.
func (s *share) excess(held int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, held-s.target)
}
