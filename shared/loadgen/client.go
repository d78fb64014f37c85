package loadgen

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// requestTimeout bounds the time until the whole response is read.
const requestTimeout = 30 * time.Second

// Client is one keep-alive connection to an HTTP/1.1 server, for one goroutine. It uses little CPU per request, since the
// generator and the server often run on the same machine.
type Client struct {
	base   *url.URL
	conn   net.Conn
	reader *bufio.Reader
	writer *bufio.Writer
}

// Answer is the response to a request, with its whole body.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// NewClient returns a client of a server. The path of the URL is the prefix of the paths of all requests.
func NewClient(server string) (*Client, error) {
	base, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of a server, such as http://127.0.0.1:8080", server)
	}
	return &Client{base: base}, nil
}

// Request returns a new request without a body; the caller may add one.
func (c *Client) Request(method, path string, header http.Header) (*http.Request, error) {
	target, err := c.base.Parse(c.base.Path + path)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Request{Method: method, URL: target, Host: target.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// Do sends a request and reads the whole response. After an error the next request opens a new connection.
func (c *Client) Do(ctx context.Context, r *http.Request) (Answer, error) {
	if c.conn == nil {
		if err := c.dial(ctx); err != nil {
			return Answer{}, err
		}
	}
	answer, err := c.exchange(r)
	if err != nil {
		c.Close()
	}
	return answer, err
}

func (c *Client) dial(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	port := c.base.Port()
	if port == "" {
		port = c.base.Scheme // net.Dial accepts the name of a service
	}
	addr := net.JoinHostPort(c.base.Hostname(), port)
	if c.base.Scheme == "https" {
		c.conn, err = new(tls.Dialer).DialContext(ctx, "tcp", addr)
	} else {
		c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		c.conn = nil
		return err
	}
	c.reader, c.writer = bufio.NewReader(c.conn), bufio.NewWriter(c.conn)
	return nil
}

func (c *Client) exchange(r *http.Request) (Answer, error) {
	if err := c.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return Answer{}, err
	}
	if err := r.Write(c.writer); err != nil {
		return Answer{}, err
	}
	if err := c.writer.Flush(); err != nil {
		return Answer{}, err
	}
	response, err := http.ReadResponse(c.reader, r)
	if err != nil {
		return Answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err == nil && response.Close {
		c.Close()
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: body}, err
}

// Close closes the connection. The next request opens a new one.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
