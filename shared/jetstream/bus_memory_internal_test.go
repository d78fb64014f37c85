package jetstream

import "testing"

// The arithmetic of decision 0065, in KiB.
func TestTheBusHasAShareOfMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ bytes, partitions, fetch, hold int }{
		{128 << 10, 4, 8 << 10, 16 << 10},
		{28 << 10, 4, 7 << 8, 7 << 9},
		{28 << 10, 64, 5 << 8, 1 << 10},
	} {
		fetch, hold := shareOfMemory(c.bytes<<10, c.partitions)
		if fetch>>10 != c.fetch || hold>>10 != c.hold {
			t.Errorf("%d KiB over %d partitions: %d fetched, %d held, not %d and %d", c.bytes, c.partitions, fetch>>10, hold>>10, c.fetch, c.hold)
		}
	}
	if minFetchBytes < maxMessage+4<<10 {
		t.Error("a request for messages can't deliver the largest message")
	}
}
