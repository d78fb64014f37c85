package cluster

import (
	"encoding/json"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
)

// serveDNS answers for the names of Services, as the DNS of a cluster does; only what is asked of it here.
func serveDNS(t *testing.T, s *server) {
	t.Helper()
	socket, err := net.ListenPacket("udp", nodeAddr+":53")
	must(t, err)
	var names atomic.Pointer[map[string][4]byte]
	stop, ended := make(chan struct{}), make(chan struct{}, 2)
	go func() {
		defer func() { ended <- struct{}{} }()
		for {
			if found := s.serviceNames(); found != nil {
				names.Store(&found)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
			}
		}
	}()
	go func() {
		defer func() { ended <- struct{}{} }()
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			if known := names.Load(); known != nil {
				if answer := dnsAnswer(buffer[:n], *known); answer != nil {
					_, _ = socket.WriteTo(answer, from)
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); socket.Close(); <-ended; <-ended })
}

// serviceNames are the addresses of Services, by their full names.
func (s *server) serviceNames() map[string][4]byte {
	out, err := s.kubectl("", "get", "services", "-A", "-o", "json")
	var list struct{ Items []corev1.Service }
	if err != nil || json.Unmarshal([]byte(out), &list) != nil {
		return nil
	}
	names := map[string][4]byte{}
	for _, service := range list.Items {
		if ip := net.ParseIP(service.Spec.ClusterIP).To4(); ip != nil {
			names[service.Name+"."+service.Namespace+".svc.cluster.local."] = [4]byte(ip)
		}
	}
	return names
}

func dnsAnswer(query []byte, names map[string][4]byte) []byte {
	var message dnsmessage.Message
	if message.Unpack(query) != nil || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	address, ok := names[strings.ToLower(question.Name.String())]
	message.Response, message.Authoritative, message.RecursionAvailable = true, true, true
	message.Additionals = nil
	switch {
	case !ok:
		message.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: address},
		}}
	}
	answer, err := message.Pack()
	if err != nil {
		return nil
	}
	return answer
}
