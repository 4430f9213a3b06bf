package client

import (
	"fmt"
	"net"
	"net/url"
)

// target is where the API is reached: scheme and host:port.
type target struct {
	tls      bool
	hostPort string
}

// parseTarget reads the URL. A loopback host is one as its publisher sees it; a client in another
// network namespace reaches the same port at via.
func parseTarget(text, via string) (*target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}

	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no http or https URL", text)
	}

	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}

	if via != "" && isLoopback(host) {
		host = via
	}

	return &target{tls: u.Scheme == "https", hostPort: net.JoinHostPort(host, port)}, nil
}

func (t *target) url() string {
	scheme := "http"
	if t.tls {
		scheme = "https"
	}

	return scheme + "://" + t.hostPort + "/"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)

	return host == "localhost" || ip != nil && ip.IsLoopback()
}
