package tunnel

import "net/netip"

// Subnet guesses the node's tunnel network from the address that it gave. The answer of a handshake
// does not say it; nodes use a /24 (IPv6: /64) unless their operator changed that.
func Subnet(addr netip.Prefix) netip.Prefix {
	bits := 64
	if addr.Addr().Is4() {
		bits = 24
	}

	return netip.PrefixFrom(addr.Addr(), min(bits, addr.Addr().BitLen())).Masked()
}

// Gateway is the node's own address in such a network: by convention the first.
func Gateway(subnet netip.Prefix) netip.Addr {
	return subnet.Masked().Addr().Next()
}
