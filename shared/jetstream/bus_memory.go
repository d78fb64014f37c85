package jetstream

import "github.com/nats-io/nats.go/jetstream"

// Minimums of a partition, in bytes. The server never delivers a message that is larger than a request for messages.
const (
	minFetchBytes = 5 << 18
	minHeldBytes  = 1 << 20
)

// shareOfMemory divides the bytes of messages that a worker may have in memory over the partitions, all of which it may own: those
// of one request for messages, of which two may be in flight, and those that the owner holds until they are handled.
func shareOfMemory(bytes, partitions int) (fetch, hold int) {
	share := bytes / max(partitions, 1)
	fetch = max(share/4, minFetchBytes)
	return fetch, max(share-2*fetch, minHeldBytes)
}

// messageSize returns the bytes of a message: its data, and its header, which may be larger.
func messageSize(m jetstream.Msg) int {
	size := len(m.Data())
	for name, values := range m.Headers() {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}
