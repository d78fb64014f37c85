package command

import "testing"

// After enough misses in a row the assumption is made by one caller in many only: all commands in flight would miss together.
// One hit resets the count.
func TestOptimismStopsAfterMissesAndReturnsAfterAHit(t *testing.T) {
	t.Parallel()
	var h hitRate
	const kind = "a kind"
	for n := range maxMisses {
		if !h.try(kind) {
			t.Fatalf("it stops after %d misses", n)
		}
		h.miss(kind)
	}
	tries := func(calls int) (tries int) {
		for range calls {
			if h.try(kind) { // without a result yet
				tries++
			}
		}
		return tries
	}
	if n := tries(retryAfter + retryAfter/2); n != 1 {
		t.Errorf("%d of %d calls try, not 1", n, retryAfter+retryAfter/2)
	}
	if other := "another kind"; !h.try(other) {
		t.Error("another kind has stopped too")
	}
	h.hit(kind)
	if n := tries(retryAfter); n != retryAfter {
		t.Errorf("%d of %d calls try after a hit", n, retryAfter)
	}
}
