//! The sections of `config.toml` with their defaults. `template.toml` explains each key to operators.

use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::{Address, B256, address};
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::{Service, UnknownService};
use sentinel_proto::hub::HubConfig;
use serde::{Deserialize, Serialize};
use service_runtime::logs::LogFormat;
use service_runtime::section;

mod plan_devices;
mod registry;
mod session_rule;
mod token_id;
pub use plan_devices::PlanDevices;
pub use registry::{Registry, StandingSource};
pub use session_rule::SessionRule;
pub use token_id::TokenId;

const fn socket(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])), port)
}

section! {
    /// The door: where clients arrive and where they are sent on to.
    Gate {
        /// Address and port that the node advertises.
        listen_addr: SocketAddr = socket([0, 0, 0, 0], 8585),
        /// Private address of health, metrics and sessions.
        admin_addr: SocketAddr = socket([127, 0, 0, 1], 9585),
        /// The node's own API, reachable by the gate only.
        node_url: String = "http://127.0.0.1:18585".into(),
        /// Name of the Sentinel network that a binding is for.
        network: String = "sentinel".into(),
        /// Where holders reach this gate; becomes the URI of the message they sign.
        public_url: String = String::new(),
        /// Certificate chain in PEM; empty: the gate makes its own P-256 one.
        tls_cert: PathBuf = PathBuf::new(),
        /// Private key in PEM; empty together with `tls_cert`.
        tls_key: PathBuf = PathBuf::new(),
        /// Connections open at the same time.
        max_connections: usize = 4096,
        /// How long a stopping gate waits for requests under way.
        #[serde(with = "humantime_serde")]
        shutdown_timeout: Duration = Duration::from_secs(10),
    }
}

section! {
    /// Where Ethereum is asked.
    Ethereum {
        /// JSON-RPC providers, in order of preference.
        rpc_addrs: Vec<String> = Vec::new(),
        /// WebSocket addresses that announce new blocks; without any, they are found by polling.
        ws_addrs: Vec<String> = Vec::new(),
        /// How often new blocks are looked for without an announcement.
        #[serde(with = "humantime_serde")]
        poll_interval: Duration = Duration::from_secs(4),
        /// Chain id of the cards' chain.
        chain_id: u64 = 1,
        /// How many providers must give the same answer.
        quorum: usize = 1,
        /// Longest time for one read, all attempts together.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_millis(2500),
        /// Oldest head of a provider that still counts; 0: not checked.
        #[serde(with = "humantime_serde")]
        max_head_age: Duration = Duration::from_secs(120),
    }
}

section! {
    /// The Memes by 6529.
    Memes {
        /// The ERC-1155 collection.
        contract: Address = address!("33fd426905f149f8376e227d0c9d3340aad17af1"),
        /// Token id of THIS card: the free tier.
        this_card: TokenId = TokenId::default(),
        /// How often new token ids are looked for.
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
pub enum Standard {
    /// Balances by token id.
    Erc1155,
    /// One balance for the whole collection.
    Erc721,
}

/// A further collection that opens a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// The collection's contract.
    pub contract: Address,
    /// How its balances are read.
    #[serde(default = "erc1155")]
    pub standard: Standard,
    /// Token ids that count; needed for ERC-1155, empty for ERC-721.
    #[serde(default)]
    pub ids: Vec<TokenId>,
    /// The tier it opens.
    pub tier: TierName,
}

const fn erc1155() -> Standard {
    Standard::Erc1155
}

section! {
    /// Delegation registries and what counts in them.
    Delegation {
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
    /// Policy from the chain, on the chain of `[ethereum]`.
    Governance {
        /// The `ParameterRegistry`; the zero address: this file alone counts.
        parameters: Address = Address::ZERO,
        /// The `AccessPolicy`; the zero address: the file says which kinds of delegation count.
        access_policy: Address = Address::ZERO,
    }
}

section! {
    /// Cache of ownership answers.
    Cache {
        /// How long a holder's entitlement is kept.
        #[serde(with = "humantime_serde")]
        positive_ttl: Duration = Duration::from_secs(300),
        /// How long "holds nothing" is kept.
        #[serde(with = "humantime_serde")]
        negative_ttl: Duration = Duration::from_secs(15),
        /// Wallets kept.
        capacity: u64 = 100_000,
    }
}

section! {
    /// Sign-in.
    Binding {
        /// How long a sign-in lasts.
        #[serde(with = "humantime_serde")]
        ttl: Duration = Duration::from_secs(24 * 3600),
        /// How long a challenge may be answered.
        #[serde(with = "humantime_serde")]
        challenge_ttl: Duration = Duration::from_secs(300),
        /// Domain in the message; empty: host and port of `public_url`.
        domain: String = String::new(),
        /// Reserved for bindings carried by a relay.
        accepted_domains: Vec<String> = Vec::new(),
        /// Reserved for bindings carried by a relay.
        relays: Vec<String> = Vec::new(),
        /// Accounts that one wallet may bind at a time.
        max_accounts: usize = 6,
    }
}

section! {
    /// Where the hub is asked.
    Hub {
        /// gRPC endpoints, in order of preference.
        grpc_addrs: Vec<String> = Vec::new(),
        /// Chain id of the hub.
        chain_id: String = "sentinelhub-2".into(),
        /// Longest time for one query, all attempts together.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_millis(2500),
    }
}

impl Hub {
    /// The same for the hub client.
    pub fn client(&self) -> HubConfig {
        HubConfig {
            grpc_addrs: self.grpc_addrs.clone(),
            chain_id: self.chain_id.clone(),
            timeout: self.timeout,
        }
    }
}

section! {
    /// What one tier may do.
    TierPolicy {
        /// Session kinds that the tier may use.
        sessions: Vec<SessionRule> = Vec::new(),
        /// Devices at a time for one holder.
        devices: u32 = 3,
        /// The same for sessions of single plans, by the plan's number.
        plan_devices: PlanDevices = PlanDevices::default(),
        /// What happens to a further device.
        when_full: WhenFull = WhenFull::Refuse,
    }
}

/// What happens when all devices of a holder are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// A further one is refused.
    #[default]
    Refuse,
    /// The oldest one loses its tunnel to it.
    DropOldest,
}

section! {
    /// How long things are remembered that are not needed any more.
    Retention {
        /// Sessions after they left the hub.
        #[serde(with = "humantime_serde")]
        sessions: Duration = Duration::from_secs(24 * 3600),
        /// What the operator did, and why.
        #[serde(with = "humantime_serde")]
        audit: Duration = Duration::from_secs(90 * 24 * 3600),
    }
}

section! {
    /// Policy of the operator.
    Policy {
        /// The free tier.
        free: TierPolicy = TierPolicy { sessions: vec![SessionRule::Direct], ..TierPolicy::default() },
        /// The paid tier.
        paid: TierPolicy = TierPolicy { sessions: vec![SessionRule::Direct], ..TierPolicy::default() },
        /// Accounts that pass without a card (probes), counted apart.
        allow_accounts: Vec<AccountAddress> = Vec::new(),
        /// Wallets that open nothing.
        deny_wallets: Vec<Address> = Vec::new(),
        /// Accounts that never pass.
        deny_accounts: Vec<AccountAddress> = Vec::new(),
        /// Sessions of plans are for a node in good standing only; `[registry]` says who knows.
        require_standing: bool = false,
        /// Slots of the node's peer table that one holder may take beyond its devices: evicted peers keep theirs until
        /// the node removes them.
        slot_allowance: usize = 3,
        /// New sessions of one holder within an hour.
        admissions_per_hour: usize = 60,
        /// How long a tunnel stays whose right may have ended while Ethereum cannot be asked whether it has.
        #[serde(with = "humantime_serde")]
        unverified_grace: Duration = Duration::from_secs(30),
    }
}

section! {
    /// The node's tunnel service.
    Tunnel {
        /// Which service the node runs: its name, or `auto`: as the node's info says.
        service: String = "auto".into(),
        /// Name of its interface, or path of the socket of a WireGuard outside of the kernel.
        interface: String = "auto".into(),
        /// Where the service takes orders.
        api_addr: String = "auto".into(),
        /// Home of the node.
        node_home: PathBuf = PathBuf::from("/root/.sentinel-dvpnx"),
        /// Path of the network namespace of the service; empty: the gate's own.
        namespace: PathBuf = PathBuf::new(),
        /// What happens to peers that this gate did not admit.
        foreign_peers: ForeignPeers = ForeignPeers::ShutOut,
    }
}

/// What happens to peers that belong to no session of this gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignPeers {
    /// They came around the gate, or it could not write them down: out.
    #[default]
    ShutOut,
    /// Another gate stands before the same node.
    Keep,
}

impl Tunnel {
    /// The configured service; `None`: as the node's info says.
    pub fn service(&self) -> Result<Option<Service>, UnknownService> {
        if self.service == "auto" { Ok(None) } else { self.service.parse().map(Some) }
    }

    /// The configured address for orders; `None`: as the node's home says.
    pub fn api_addr(&self) -> Result<Option<SocketAddr>, AddrParseError> {
        if self.api_addr == "auto" { Ok(None) } else { self.api_addr.parse().map(Some) }
    }

    /// The configured interface; `None`: the one that stock nodes make.
    pub fn interface(&self) -> Option<&str> {
        (self.interface != "auto").then_some(self.interface.as_str())
    }
}

section! {
    /// Bounds for clients.
    Limits {
        /// Requests per second from one address (IPv6: one /64).
        per_ip_per_second: u32 = 5,
        /// Requests at once from one address before the rate counts.
        burst: u32 = 20,
        /// Connections open at the same time from one address (IPv6: one /64); 0: no limit.
        connections_per_ip: usize = 256,
        /// Largest body of a handshake or sign-in.
        body_bytes: usize = 64 * 1024,
        /// Largest head of a request.
        header_bytes: usize = 32 * 1024,
    }
}

section! {
    /// Logs.
    Log {
        /// Form of the lines.
        format: LogFormat = LogFormat::Text,
        /// Least level, or a filter such as `info,sovereign_gate=debug`.
        level: String = "info".into(),
    }
}
