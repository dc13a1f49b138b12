package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// More than any answer of a gateway: what is longer is not one.
const answerBytesMax = 64 * 1024

type answer struct {
	status     int
	retryAfter time.Duration // 0: the gateway does not say
	body       []byte
}

// exchange connects, calls begin right before the first byte of the request, sends, and reads the
// answer, all before the deadline. Where begin says no, nothing is sent.
//
// It is one request over a connection of its own, and not http.Client: that one keeps connections,
// follows redirects, and repeats a request where it thinks that it may.
func exchange(target *url.URL, deadline time.Time, begin func() error) (answer, error) {
	var none answer
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	connection, err := connect(ctx, target)
	if err != nil {
		return none, fmt.Errorf("no connection to the gateway: %w", err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(deadline); err != nil {
		return none, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return none, fmt.Errorf("not sent: no request can be made of the settings")
	}
	request.Close = true
	request.Header.Set("Accept", "text/plain")
	request.Header.Set("User-Agent", "{{name}}/"+version)
	if err := begin(); err != nil {
		return none, err
	}
	if err := request.Write(connection); err != nil {
		return none, err
	}
	return read(bufio.NewReader(connection), request)
}

// connect goes as far as is possible without a word of the request: with https that is the end of
// the handshake.
func connect(ctx context.Context, target *url.URL) (net.Conn, error) {
	port := target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	address := net.JoinHostPort(target.Hostname(), port)
	if target.Scheme == "https" {
		dialer := tls.Dialer{Config: &tls.Config{ServerName: target.Hostname()}}
		return dialer.DialContext(ctx, "tcp", address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// read takes a whole answer or none: half of one could be read as another.
func read(from *bufio.Reader, request *http.Request) (answer, error) {
	response, err := http.ReadResponse(from, request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax+1))
	if err != nil {
		return answer{}, err
	}
	if len(body) > answerBytesMax {
		return answer{}, fmt.Errorf("its answer is over %d bytes", answerBytesMax)
	}
	seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 30)
	if err != nil {
		seconds = 0 // else it is a date
	}
	return answer{response.StatusCode, time.Duration(seconds) * time.Second, body}, nil
}
