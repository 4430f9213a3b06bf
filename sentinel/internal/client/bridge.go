package client

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
)

// The SDK's client speaks TLS only, while tests also have plain HTTP URLs. The bridge ends TLS on
// loopback and passes the bytes on: one connection in, one connection out.
type bridge struct {
	listener net.Listener
	target   string
}

func newBridge(target string) (*bridge, error) {
	// The certificate of net/http/httptest: it is not verified, and all traffic stays on loopback.
	donor := httptest.NewUnstartedServer(nil)
	donor.StartTLS()
	certificates := donor.TLS.Certificates
	donor.Close()

	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: certificates, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		return nil, err
	}

	b := &bridge{listener: listener, target: target}
	go b.accept()

	return b, nil
}

func (b *bridge) hostPort() string { return b.listener.Addr().String() }

func (b *bridge) Close() error { return b.listener.Close() }

func (b *bridge) accept() {
	for {
		inner, err := b.listener.Accept()
		if err != nil {
			return
		}

		go b.pass(inner)
	}
}

func (b *bridge) pass(inner net.Conn) {
	defer func() { _ = inner.Close() }()

	outer, err := net.Dial("tcp", b.target)
	if err != nil {
		return
	}

	defer func() { _ = outer.Close() }()

	done := make(chan struct{}, 2)
	copyInto := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}

	go copyInto(outer, inner)
	go copyInto(inner, outer)
	<-done
}
