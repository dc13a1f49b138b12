package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// connect reaches recoup over TLS, as the owner of a key or of a certificate; on this machine in plain text too.
func connect() (*grpc.ClientConn, error) {
	transport, err := transport()
	if err != nil {
		return nil, err
	}
	quick := backoff.DefaultConfig
	quick.BaseDelay, quick.MaxDelay = 100*time.Millisecond, 2*time.Second
	return grpc.NewClient(cmp.Or(os.Getenv("RECOUP_SERVER"), "127.0.0.1:7700"),
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(caller(os.Getenv("RECOUP_TOKEN"))),
		// A connection that died without a word is found within a minute and a half.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 30 * time.Second}),
		// A server that is back is found soon.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: 5 * time.Second}),
	)
}

// transport is TLS where there is a root of the server's certificate. Its file is PEM, as are those of one's own
// certificate and key.
func transport() (credentials.TransportCredentials, error) {
	path := os.Getenv("RECOUP_CA")
	if path == "" {
		return insecure.NewCredentials(), nil
	}
	root, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(root) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	if cert := os.Getenv("RECOUP_CERT"); cert != "" {
		own, err := tls.LoadX509KeyPair(cert, os.Getenv("RECOUP_KEY"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return credentials.NewTLS(config), nil
}

// caller puts the key into each call. Whoever shows a certificate needs none; a key that is shown decides.
type caller string

func (key caller) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if key == "" {
		if os.Getenv("RECOUP_CERT") != "" {
			return nil, nil
		}
		key = "dev-ana"
	}
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

// Without TLS a server listens on its own machine alone.
func (caller) RequireTransportSecurity() bool { return os.Getenv("RECOUP_CA") != "" }
