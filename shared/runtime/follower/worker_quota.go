package follower

import "sync"

// workerQuota limits how many leases a worker holds, so that all workers hold about as many.
type workerQuota struct {
	mu    sync.Mutex
	limit int
	taken int
}

// set divides this number of leases among the workers.
func (q *workerQuota) set(leases, workers int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	workers = max(workers, 1)
	q.limit = (leases + workers - 1) / workers
}

// acquire reserves one more lease and reports whether the quota allows it.
func (q *workerQuota) acquire() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken >= q.limit {
		return false
	}
	q.taken++
	return true
}

func (q *workerQuota) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
}

// excess returns by how many the number of held leases exceeds the quota.
func (q *workerQuota) excess(held int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, held-q.limit)
}
