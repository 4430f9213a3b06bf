package vectors

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"cosmossdk.io/math"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	"github.com/cosmos/gogoproto/proto"
	sdktypes "github.com/sentinel-official/sentinel-go-sdk/types"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	lease "github.com/sentinel-official/sentinelhub/v12/x/lease/types/v1"
	node "github.com/sentinel-official/sentinelhub/v12/x/node/types/v3"
	plan "github.com/sentinel-official/sentinelhub/v12/x/plan/types/v3"
	providerv2 "github.com/sentinel-official/sentinelhub/v12/x/provider/types/v2"
	provider "github.com/sentinel-official/sentinelhub/v12/x/provider/types/v3"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"
	allocation "github.com/sentinel-official/sentinelhub/v12/x/subscription/types/v2"
	subscription "github.com/sentinel-official/sentinelhub/v12/x/subscription/types/v3"
)

// message is one protobuf message of the hub: its name, its content as JSON, its bytes.
type message struct {
	Type  string          `json:"type"`
	JSON  json.RawMessage `json:"json"`
	Bytes string          `json:"bytes"` // hex
}

func hub() (any, error) {
	direct, bySubscription, err := sessions()
	if err != nil {
		return nil, err
	}

	all := append(queries(), entities(direct, bySubscription)...)
	all = append(all, transactions()...)

	codec := sdktypes.NewProtoCodec()
	list := make([]message, len(all))

	for i, m := range all {
		bytes, err := proto.Marshal(m)
		if err != nil {
			return nil, err
		}

		text, err := codec.MarshalJSON(m.(codecMessage))
		if err != nil {
			return nil, err
		}

		list[i] = message{Type: proto.MessageName(m), JSON: text, Bytes: hex.EncodeToString(bytes)}
	}

	return list, nil
}

// codecMessage is what the SDK's JSON codec takes; every message here is one.
type codecMessage interface {
	proto.Message
	Marshal() ([]byte, error)
	MarshalTo(data []byte) (int, error)
	MarshalToSizedBuffer(data []byte) (int, error)
	Size() int
	Unmarshal(data []byte) error
}

var (
	at      = time.Date(2026, 11, 20, 12, 34, 56, 789_000_000, time.UTC)
	later   = at.Add(25 * time.Hour)
	user    = account(secpKey("alice"))
	nodeAdr = base.NodeAddress(account(secpKey("node")))
	provAdr = base.ProvAddress(account(secpKey("bob")))
)

func price() v1.Price {
	return v1.Price{Denom: "udvpn", BaseValue: math.LegacyMustNewDecFromStr("0.0025"), QuoteValue: math.NewInt(12_500_000)}
}

func page() *query.PageRequest { return &query.PageRequest{Key: []byte{1, 2, 3}, Limit: 100} }

func next() *query.PageResponse { return &query.PageResponse{NextKey: []byte{4, 5, 6}, Total: 7} }

// sessions are the two kinds, packed as the hub answers them.
func sessions() (direct, bySubscription *codectypes.Any, err error) {
	common := func(id uint64, status v1.Status) *session.BaseSession {
		return &session.BaseSession{
			ID: id, AccAddress: user.String(), NodeAddress: nodeAdr.String(),
			DownloadBytes: math.NewInt(1_000), UploadBytes: math.NewInt(2_000), MaxBytes: math.NewInt(1_000_000_000),
			Duration: 90 * time.Second, MaxDuration: 2 * time.Hour,
			Status: status, InactiveAt: later, StartAt: at, StatusAt: at,
		}
	}

	if direct, err = codectypes.NewAnyWithValue(&node.Session{
		BaseSession: common(3, v1.StatusActive), Price: price(),
	}); err != nil {
		return nil, nil, err
	}

	bySubscription, err = codectypes.NewAnyWithValue(&subscription.Session{
		BaseSession: common(4, v1.StatusInactivePending), SubscriptionID: 5,
	})

	return direct, bySubscription, err
}

func queries() []proto.Message {
	return []proto.Message{
		&session.QuerySessionRequest{Id: 3},
		&session.QuerySessionsForNodeRequest{Address: nodeAdr.String(), Pagination: page()},
		&session.QuerySessionsForAccountRequest{Address: user.String(), Pagination: page()},
		&subscription.QuerySubscriptionRequest{Id: 5},
		&subscription.QuerySubscriptionsForPlanRequest{Id: 7, Pagination: page()},
		&allocation.QueryAllocationRequest{Id: 5, Address: user.String()},
		&plan.QueryPlanRequest{Id: 7},
		&plan.QueryPlansForProviderRequest{Address: provAdr.String(), Status: v1.StatusActive, Pagination: page()},
		&node.QueryNodeRequest{Address: nodeAdr.String()},
		&node.QueryNodesRequest{Status: v1.StatusActive, Pagination: page()},
		&node.QueryNodesForPlanRequest{Id: 7, Status: v1.StatusUnspecified, Pagination: page()},
		&lease.QueryLeasesForNodeRequest{Address: nodeAdr.String(), Pagination: page()},
		&lease.QueryLeasesForProviderRequest{Address: provAdr.String(), Pagination: page()},
		&providerv2.QueryProviderRequest{Address: provAdr.String()},
	}
}

func entities(direct, bySubscription *codectypes.Any) []proto.Message {
	aNode := node.Node{
		Address: nodeAdr.String(), GigabytePrices: v1.Prices{price()}, HourlyPrices: v1.Prices{price()},
		RemoteAddrs: []string{"192.0.2.1:8080", "node.example:8080"},
		InactiveAt:  later, Status: v1.StatusActive, StatusAt: at,
	}
	aPlan := plan.Plan{
		ID: 7, ProvAddress: provAdr.String(), Bytes: math.NewInt(1_000_000_000_000), Duration: 720 * time.Hour,
		Prices: v1.Prices{price()}, Private: true, Status: v1.StatusActive, StatusAt: at,
	}
	aLease := lease.Lease{
		ID: 9, ProvAddress: provAdr.String(), NodeAddress: nodeAdr.String(), Price: price(), Hours: 1, MaxHours: 24,
		RenewalPricePolicy: v1.RenewalPricePolicyAlways, StartAt: at,
	}
	aSubscription := subscription.Subscription{
		ID: 5, AccAddress: user.String(), PlanID: 7, Price: price(), RenewalPricePolicy: v1.RenewalPricePolicyAlways,
		Status: v1.StatusActive, InactiveAt: later, StartAt: at, StatusAt: at,
	}

	return []proto.Message{
		&session.QuerySessionResponse{Session: direct},
		&session.QuerySessionResponse{Session: bySubscription},
		&session.QuerySessionsForNodeResponse{Sessions: []*codectypes.Any{direct, bySubscription}, Pagination: next()},
		&subscription.QuerySubscriptionResponse{Subscription: aSubscription},
		&allocation.QueryAllocationResponse{Allocation: allocation.Allocation{
			ID: 5, Address: user.String(), GrantedBytes: math.NewInt(1_000_000), UtilisedBytes: math.NewInt(10),
		}},
		&plan.QueryPlanResponse{Plan: aPlan},
		&plan.QueryPlansForProviderResponse{Plans: []plan.Plan{aPlan}, Pagination: next()},
		&node.QueryNodeResponse{Node: aNode},
		&node.QueryNodesForPlanResponse{Nodes: []node.Node{aNode}, Pagination: next()},
		&lease.QueryLeasesForNodeResponse{Leases: []lease.Lease{aLease}, Pagination: next()},
		&providerv2.QueryProviderResponse{Provider: providerv2.Provider{
			Address: provAdr.String(), Name: "name", Identity: "identity", Website: "website", Description: "description",
			Status: v1.StatusActive, StatusAt: at,
		}},
	}
}

func transactions() []proto.Message {
	always := v1.RenewalPricePolicyAlways

	return []proto.Message{
		plan.NewMsgLinkNodeRequest(provAdr, 7, nodeAdr),
		plan.NewMsgUnlinkNodeRequest(provAdr, 7, nodeAdr),
		plan.NewMsgCreatePlanRequest(provAdr, math.NewInt(1_000_000), time.Hour, v1.Prices{price()}, true),
		plan.NewMsgUpdatePlanStatusRequest(provAdr, 7, v1.StatusActive),
		lease.NewMsgStartLeaseRequest(provAdr, nodeAdr, 24, price(), always),
		lease.NewMsgEndLeaseRequest(provAdr, 9),
		provider.NewMsgRegisterProviderRequest(user, "name", "identity", "website", "description"),
		provider.NewMsgUpdateProviderStatusRequest(provAdr, v1.StatusActive),
		subscription.NewMsgStartSubscriptionRequest(user, 7, "udvpn", always),
		subscription.NewMsgStartSessionRequest(user, 5, nodeAdr),
		subscription.NewMsgShareSubscriptionRequest(user, 5, user, math.NewInt(1_000)),
		node.NewMsgStartSessionRequest(user, nodeAdr, 1, 0, price()),
		session.NewMsgCancelSessionRequest(user, 3),
		session.NewMsgUpdateSessionRequest(nodeAdr, 3, math.NewInt(1), math.NewInt(2), time.Minute, nil),
	}
}
