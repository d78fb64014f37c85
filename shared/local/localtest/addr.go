package localtest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports that Linux, macOS and Windows don't give to outgoing connections by themselves.
const (
	firstPort = 10_240
	lastPort  = 32_000
)

// FreeAddr is an address of the loopback interface that nothing listens on. Its port is not one that the system gives
// away, so that nobody takes it by chance before the test does.
func FreeAddr(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		listener, err := net.Listen("tcp", addr)
		if err == nil {
			_ = listener.Close()
			return addr
		}
		last = err
	}
	t.Fatalf("no port is free: %v", last)
	return ""
}
