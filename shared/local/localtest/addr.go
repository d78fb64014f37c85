package localtest

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// Ports that Linux, macOS and Windows don't give to outgoing connections by themselves.
const (
	firstPort = 10_240
	lastPort  = 32_000
)

// blockSize keeps test binaries that run side by side apart, as long as their process ids don't differ by a multiple of 16.
const blockSize = (lastPort - firstPort) / 16

var given atomic.Uint32

// FreeAddr is an address of the loopback interface that nothing listens on. Its port is not one that the system gives
// away, and no other test gets it: nobody takes it by chance before the test does, or while what listens there is
// started again.
func FreeAddr(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		port := firstPort + (os.Getpid()*blockSize+int(given.Add(1)))%(lastPort-firstPort)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
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
