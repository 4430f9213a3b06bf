package node

import (
	"fmt"

	"github.com/sentinel-official/sentinel-go-sdk/openvpn"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/v2ray"
	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
)

// NewService makes the SDK's tunnel service of this kind, at home in a directory of its name.
func NewService(kind types.ServiceType, home string) (types.ServerService, error) {
	switch kind {
	case types.ServiceTypeWireGuard:
		return wireguard.NewServer("wireguard", home, wireguard.DefaultServerConfig()), nil
	case types.ServiceTypeV2Ray:
		return v2ray.NewServer("v2ray", home, v2ray.DefaultServerConfig()), nil
	case types.ServiceTypeOpenVPN:
		return openvpn.NewServer("openvpn", home, openvpn.DefaultServerConfig()), nil
	default:
		return nil, fmt.Errorf("no service of kind %q", kind)
	}
}
