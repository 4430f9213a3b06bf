//! The sections of `config.toml` with their defaults. `template.toml` explains each key to operators.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::{Address, B256, address};
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::HubConfig;
use serde::{Deserialize, Serialize};
use service_runtime::logs::LogFormat;
use service_runtime::section;

mod plan_devices;
mod registry;
mod session_rule;
mod token_id;
mod tunnel;
pub use plan_devices::PlanDevices;
pub use registry::{Finality, RegistrySection, StandingSourceName};
pub use session_rule::SessionRule;
pub use token_id::TokenId;
pub use tunnel::TunnelSectionError;

const fn socket(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])), port)
}

section! {
    /// Listener, private address and node.
    GateSection {
        /// Address and port that the node advertises.
        listen_addr: SocketAddr = socket([0, 0, 0, 0], 8585),
        /// Private address of health, metrics and sessions.
        admin_addr: SocketAddr = socket([127, 0, 0, 1], 9585),
        /// URL of the node's own API, reachable by the gate only.
        node_url: String = "http://127.0.0.1:18585".into(),
        /// Name of the Sentinel network that a binding is for.
        network: String = "sentinel".into(),
        /// URL under which holders reach this gate; the URI of the signed message.
        public_url: String = String::new(),
        /// Certificate chain in PEM; empty: the gate creates a P-256 certificate.
        tls_cert: PathBuf = PathBuf::new(),
        /// Private key in PEM; empty together with `tls_cert`.
        tls_key: PathBuf = PathBuf::new(),
        /// Connections open at the same time.
        max_connections: usize = 4096,
        /// Shutdown timeout of requests in flight.
        #[serde(with = "humantime_serde")]
        shutdown_timeout: Duration = Duration::from_secs(10),
    }
}

section! {
    /// Ethereum providers.
    EthereumSection {
        /// JSON-RPC providers, in order of preference.
        rpc_addrs: Vec<String> = Vec::new(),
        /// WebSocket addresses that announce new blocks; without any, they are found by polling.
        ws_addrs: Vec<String> = Vec::new(),
        /// Poll interval of new blocks without an announcement.
        #[serde(with = "humantime_serde")]
        poll_interval: Duration = Duration::from_secs(4),
        /// Chain id of the cards' chain.
        chain_id: u64 = 1,
        /// Number of providers that must give the same answer.
        quorum: usize = 1,
        /// Timeout of one read, all attempts together.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_millis(2500),
        /// Maximum age of a provider's head; 0 disables the check.
        #[serde(with = "humantime_serde")]
        max_head_age: Duration = Duration::from_secs(120),
    }
}

section! {
    /// The Memes by 6529.
    MemesSection {
        /// The ERC-1155 collection.
        contract: Address = address!("33fd426905f149f8376e227d0c9d3340aad17af1"),
        /// Token id of THIS card: the free tier.
        this_card: TokenId = TokenId::default(),
        /// Interval between searches for new token ids.
        #[serde(with = "humantime_serde")]
        discovery_interval: Duration = Duration::from_secs(60),
    }
}

/// Tier names as the configuration spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TierName {
    /// The free tier.
    Free,
    /// The paid tier.
    Paid,
}

/// Token standard of a further collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandardName {
    /// Balances by token id.
    Erc1155,
    /// One balance for the whole collection.
    Erc721,
}

/// A further collection that gives a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionSection {
    /// The collection's contract.
    pub contract: Address,
    /// Token standard.
    #[serde(default = "erc1155")]
    pub standard: StandardName,
    /// Accepted token ids; required for ERC-1155, empty for ERC-721.
    #[serde(default)]
    pub ids: Vec<TokenId>,
    /// Tier that a token gives.
    pub tier: TierName,
}

const fn erc1155() -> StandardName {
    StandardName::Erc1155
}

section! {
    /// Delegation registries and accepted kinds.
    DelegationSection {
        /// 6529 NFTDelegation; the zero address switches it off.
        nft_delegation: Address = address!("2202CB9c00487e7e8EF21e6d8E914B32e709f43d"),
        /// delegate.xyz v2; the zero address switches it off.
        delegate_registry: Address = address!("00000000000000447e69651d841bD8D104Bed493"),
        /// Accepted use cases of NFTDelegation.
        use_cases: Vec<u64> = vec![1, 9],
        /// Accepted rights of delegate.xyz besides full delegations.
        rights: Vec<B256> = Vec::new(),
    }
}

section! {
    /// Governance contracts on the chain of `[ethereum]`.
    GovernanceSection {
        /// The `ParameterRegistry`; the zero address: the file alone applies.
        parameters: Address = Address::ZERO,
        /// The `AccessPolicy`; the zero address: the file sets the accepted kinds of delegation.
        access_policy: Address = Address::ZERO,
    }
}

section! {
    /// Cache of ownership answers.
    CacheSection {
        /// Cache lifetime of an entitlement.
        #[serde(with = "humantime_serde")]
        positive_ttl: Duration = Duration::from_secs(300),
        /// Cache lifetime of a denial.
        #[serde(with = "humantime_serde")]
        negative_ttl: Duration = Duration::from_secs(15),
        /// Maximum number of cached answers.
        capacity: u64 = 100_000,
    }
}

section! {
    /// Sign-in.
    BindingSection {
        /// Lifetime of a sign-in.
        #[serde(with = "humantime_serde")]
        ttl: Duration = Duration::from_secs(24 * 3600),
        /// Lifetime of a challenge.
        #[serde(with = "humantime_serde")]
        challenge_ttl: Duration = Duration::from_secs(300),
        /// Domain in the message; empty: host and port of `public_url`.
        domain: String = String::new(),
        /// Reserved for bindings carried by a relay.
        accepted_domains: Vec<String> = Vec::new(),
        /// Reserved for bindings carried by a relay.
        relays: Vec<String> = Vec::new(),
        /// Maximum number of accounts that one wallet binds at a time.
        max_accounts: usize = 6,
    }
}

section! {
    /// Where the hub is asked.
    HubSection {
        /// gRPC endpoints, in order of preference.
        grpc_addrs: Vec<String> = Vec::new(),
        /// Chain id of the hub.
        chain_id: String = "sentinelhub-2".into(),
        /// Timeout of one query, all attempts together.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_millis(2500),
    }
}

impl HubSection {
    /// Settings of the hub client.
    pub fn client(&self) -> HubConfig {
        HubConfig {
            grpc_addrs: self.grpc_addrs.clone(),
            chain_id: self.chain_id.clone(),
            timeout: self.timeout,
        }
    }
}

section! {
    /// Policy of one tier.
    TierSection {
        /// Accepted session kinds.
        sessions: Vec<SessionRule> = Vec::new(),
        /// Maximum concurrent devices of one holder.
        devices: u32 = 3,
        /// Maximum concurrent devices for sessions of single plans, by plan number.
        plan_devices: PlanDevices = PlanDevices::default(),
        /// Policy for a device beyond the maximum.
        when_full: WhenFull = WhenFull::Refuse,
    }
}

/// Policy for a device beyond a holder's maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The new device is refused.
    #[default]
    Refuse,
    /// The oldest device is evicted.
    DropOldest,
}

section! {
    /// Retention of records that are no longer needed.
    RetentionSection {
        /// Retention of sessions after they left the hub.
        #[serde(with = "humantime_serde")]
        sessions: Duration = Duration::from_secs(24 * 3600),
        /// Retention of the audit log.
        #[serde(with = "humantime_serde")]
        audit: Duration = Duration::from_secs(90 * 24 * 3600),
    }
}

section! {
    /// Policy of the operator.
    PolicySection {
        /// The free tier.
        free: TierSection = TierSection { sessions: vec![SessionRule::Direct], ..TierSection::default() },
        /// The paid tier.
        paid: TierSection = TierSection { sessions: vec![SessionRule::Direct], ..TierSection::default() },
        /// Accounts admitted without a card (probes), counted separately.
        allow_accounts: Vec<AccountAddress> = Vec::new(),
        /// Wallets that give no access.
        deny_wallets: Vec<Address> = Vec::new(),
        /// Accounts that are never admitted.
        deny_accounts: Vec<AccountAddress> = Vec::new(),
        /// Admit sessions of plans only if the node is in good standing; `[registry]` names the source.
        require_standing: bool = false,
        /// Slots of the node's peer table that one holder may hold beyond its devices: an evicted peer keeps its slot
        /// until the node removes it.
        slot_allowance: usize = 3,
        /// Maximum new sessions of one holder per hour.
        admissions_per_hour: usize = 60,
        /// How long a tunnel stays after its entitlement may have ended while Ethereum is unavailable.
        #[serde(with = "humantime_serde")]
        unverified_grace: Duration = Duration::from_secs(30),
    }
}

section! {
    /// The node's tunnel service.
    TunnelSection {
        /// Tunnel service by name, or `auto`: as the node reports.
        service: String = "auto".into(),
        /// Interface name, or path of the control socket of a userspace WireGuard.
        interface: String = "auto".into(),
        /// Management address of the service.
        api_addr: String = "auto".into(),
        /// Home of the node.
        node_home: PathBuf = PathBuf::from("/root/.sentinel-dvpnx"),
        /// Network namespace of the service; empty: that of the gate.
        namespace: PathBuf = PathBuf::new(),
        /// Policy for peers that this gate did not admit.
        foreign_peers: ForeignPeers = ForeignPeers::ShutOut,
    }
}

/// Policy for peers that belong to no session of this gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignPeers {
    /// Remove: they bypassed the gate, or it could not record them.
    #[default]
    ShutOut,
    /// Keep: another gate serves the same node.
    Keep,
}

section! {
    /// Limits for clients.
    LimitsSection {
        /// Requests per second from one client address (IPv6: one /64).
        per_ip_per_second: u32 = 5,
        /// Burst of requests from one client address above the rate.
        burst: u32 = 20,
        /// Maximum open connections of one client address (IPv6: one /64); 0: no limit.
        connections_per_ip: usize = 256,
        /// Maximum body of a handshake or sign-in, in bytes.
        body_bytes: usize = 64 * 1024,
        /// Maximum request head, in bytes.
        header_bytes: usize = 32 * 1024,
    }
}

section! {
    /// Logs.
    LogSection {
        /// Format of the lines.
        format: LogFormat = LogFormat::Text,
        /// Minimum level, or a filter such as `info,sovereign_gate=debug`.
        level: String = "info".into(),
    }
}
