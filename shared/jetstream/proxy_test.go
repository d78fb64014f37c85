package jetstream_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// proxy relays between a client and its server, and can lose their messages.
type proxy struct {
	listener net.Listener
	server   string

	deaf         atomic.Bool  // the client receives nothing
	swallowAcks  atomic.Int64 // number of acknowledgements of commits to lose
	cutAtAck     atomic.Bool  // the next acknowledgement ends the connection instead
	cutAtPublish atomic.Bool  // the next commit ends the connection instead
	lostAcks     atomic.Int64
	onPublish    atomic.Pointer[context.CancelFunc]
}

func newProxy(t testing.TB, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: strings.TrimPrefix(server, "nats://")}
	t.Cleanup(func() { _ = listener.Close() })
	go p.serve()
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		go relay(client, server, p.mayPass)
		go relay(server, client, p.mayReturn)
	}
}

// verdict is what relay does with a piece of data.
type verdict int

const (
	pass verdict = iota
	lose
	cut
)

// relay copies one direction, and closes both connections at its end.
func relay(from, to net.Conn, judge func([]byte) verdict) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		switch judge(buffer[:n]) {
		case pass:
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		case cut:
			return
		}
	}
}

// mayPass judges data of the client.
func (p *proxy) mayPass(data []byte) verdict {
	if !bytes.Contains(data, []byte("HPUB orx.evt.")) {
		return pass
	}
	if cancel := p.onPublish.Load(); cancel != nil {
		defer (*cancel)()
	}
	if p.cutAtPublish.CompareAndSwap(true, false) {
		return cut
	}
	return pass
}

// mayReturn judges data of the server.
func (p *proxy) mayReturn(data []byte) verdict {
	ack := bytes.Contains(data, []byte(`"stream":"ORX_EVENTS_`)) && bytes.Contains(data, []byte(`"seq":`))
	switch {
	case p.deaf.Load():
		if ack {
			p.lostAcks.Add(1)
		}
		return lose
	case ack && p.cutAtAck.CompareAndSwap(true, false):
		return cut
	case ack && p.swallowAcks.Add(-1) >= 0:
		return lose
	}
	return pass
}
