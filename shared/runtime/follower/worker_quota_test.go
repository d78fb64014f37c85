package follower

import "testing"

func TestWorkerQuota(t *testing.T) {
	t.Parallel()
	var q workerQuota
	if q.acquire() {
		t.Error("a lease is allowed before the number of workers is known")
	}
	q.set(5, 2)
	for n := range 3 {
		if !q.acquire() {
			t.Errorf("lease %d of the larger half of 5 is not allowed", n+1)
		}
	}
	if q.acquire() {
		t.Error("a lease above the quota is allowed")
	}
	q.release()
	if !q.acquire() {
		t.Error("a released lease can't be acquired again")
	}
	if q.set(5, 5); q.excess(3) != 2 {
		t.Errorf("of 3 leases, %d exceed a quota of 1", q.excess(3))
	}
	if q.set(5, 0); q.excess(3) != 0 { // this worker's own registration has expired
		t.Errorf("of 3 leases, %d exceed the quota of an only worker", q.excess(3))
	}
}
