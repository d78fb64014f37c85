package service

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// WebGuard keeps web pages of other origins away from a port: a browser sends what any page asks for, also to addresses that the
// page itself could not reach. The zero value refuses requests of pages of other origins that may change something.
type WebGuard struct {
	// Origins are those of pages that may send such requests: "https://shop.example.com".
	Origins []string
	// Hosts are the names by which the port may be called; nil: any. A request for another name is refused: the owner of a web page
	// may let the name of the page lead here (DNS rebinding). An IP address is always allowed, since no page can have it.
	Hosts []string
}

// Protect returns a handler that passes only requests that the guard allows. Its error names an origin that is none.
func (g WebGuard) Protect(next http.Handler) (http.Handler, error) {
	origins := http.NewCrossOriginProtection()
	for _, origin := range g.Origins {
		if err := origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("%q is no origin: write it as https://shop.example.com: %w", origin, err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.check(origins, r); err != nil {
			var refused *problem.Error
			errors.As(err, &refused)
			_ = problem.Write(w, refused.Type, refused.Type.New(refused.Detail)) // unreachable: the problem is made of texts
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

func (g WebGuard) check(origins *http.CrossOriginProtection, r *http.Request) error {
	if g.Hosts != nil && !g.knows(r.Host) {
		return problem.UnknownHost.Errorf("this port is not called %.100q, it is called %s, or by its IP address", r.Host, strings.Join(g.Hosts, ", "))
	}
	if origins.Check(r) != nil {
		return problem.CrossOrigin.Errorf("a web page of the origin %.100q may not send this request: name the origin in %s_TRUSTED_ORIGINS", r.Header.Get("Origin"), Prefix)
	}
	return nil
}

// knows reports whether the Host of a request can't be a name that leads here only since a web page wants it to.
func (g WebGuard) knows(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return net.ParseIP(host) != nil || slices.ContainsFunc(g.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}
