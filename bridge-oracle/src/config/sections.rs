//! Sections of `config.toml` with their defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sentinel_proto::hub::HubConfig;
use serde::{Deserialize, Serialize};
use service_runtime::logs::LogFormat;
use service_runtime::section;

section! {
    /// The process.
    Oracle {
        /// Private address of `/health`, `/ready` and `/metrics`.
        admin_addr: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9586)),
        /// Pause between two rounds.
        #[serde(with = "humantime_serde")]
        interval: Duration = Duration::from_secs(6),
        /// How often the whole registry is read, whatever the events said.
        #[serde(with = "humantime_serde")]
        audit_interval: Duration = Duration::from_secs(3600),
    }
}

section! {
    /// Where Ethereum is asked.
    Ethereum {
        /// JSON-RPC providers, in order of preference.
        rpc_addrs: Vec<String> = Vec::new(),
        /// Longest time for one read, all attempts together.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_secs(10),
        /// Nodes of one read.
        page: u32 = 500,
    }
}

section! {
    /// Where the hub is asked.
    Hub {
        /// gRPC endpoints, in order of preference.
        grpc_addrs: Vec<String> = Vec::new(),
        /// Longest time for one query, all attempts together.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_secs(10),
    }
}

impl Hub {
    /// The same for the hub client; the chain is governed.
    pub fn client(&self, chain_id: &str) -> HubConfig {
        HubConfig {
            grpc_addrs: self.grpc_addrs.clone(),
            chain_id: chain_id.to_owned(),
            timeout: self.timeout,
        }
    }
}

section! {
    /// The oracle's key on the hub.
    Key {
        /// File with the secp256k1 key, 64 hexadecimal digits; a relative path starts in the home.
        file: PathBuf = PathBuf::from("oracle.key"),
    }
}

section! {
    /// Transactions on the hub.
    Tx {
        /// Price of a unit of gas, in the governed denomination.
        gas_price: f64 = 0.1,
        /// What a simulation's gas is multiplied with.
        gas_adjustment: f64 = 1.1,
        /// Messages of one transaction's `MsgExec`.
        batch: usize = 90,
        /// How long a round waits for a transaction whose fate the hub does not tell.
        #[serde(with = "humantime_serde")]
        confirm_timeout: Duration = Duration::from_secs(180),
    }
}

section! {
    /// Logs.
    Log {
        /// Form of the lines.
        format: LogFormat = LogFormat::Json,
        /// Least level, or a filter such as `info,bridge_oracle=debug`.
        level: String = "info".into(),
    }
}
