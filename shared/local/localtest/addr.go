package localtest

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// Ports outside the ranges from which Linux, macOS and Windows choose those of outgoing connections.
const (
	firstPort = 10_240
	lastPort  = 32_000
)

// blockSize separates the ports of concurrent test binaries, unless their process ids differ by a multiple of 16.
const blockSize = (lastPort - firstPort) / 16

var allocated atomic.Uint32

// FreeAddr returns a loopback address with a free port. The system does not choose this port for other programs, and no other
// test gets it, so it stays free until the test listens there, and while the test restarts its server.
func FreeAddr(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		port := firstPort + (os.Getpid()*blockSize+int(allocated.Add(1)))%(lastPort-firstPort)
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
