//! Sections of `config.toml` with their defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sentinel_proto::hub::HubConfig;
use serde::{Deserialize, Serialize};
use service_runtime::logs::LogFormat;
use service_runtime::section;

section! {
    /// Settings of the process.
    Oracle {
        /// Private address of `/health`, `/ready` and `/metrics`.
        admin_addr: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9586)),
        /// Pause between two rounds.
        #[serde(with = "humantime_serde")]
        interval: Duration = Duration::from_secs(6),
        /// Interval at which the whole registry is read, independent of events.
        #[serde(with = "humantime_serde")]
        audit_interval: Duration = Duration::from_secs(3600),
    }
}

section! {
    /// Ethereum endpoints.
    Ethereum {
        /// JSON-RPC providers, in order of preference.
        rpc_addrs: Vec<String> = Vec::new(),
        /// Timeout of one read, including all attempts.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_secs(10),
        /// Nodes per read.
        page: u32 = 500,
    }
}

section! {
    /// Hub endpoints.
    Hub {
        /// gRPC endpoints, in order of preference.
        grpc_addrs: Vec<String> = Vec::new(),
        /// Timeout of one query, including all attempts.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_secs(10),
    }
}

impl Hub {
    /// Returns the hub client's configuration; `chain_id` is governed.
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
        /// File with the secp256k1 key as 64 hexadecimal digits; a relative path starts in the home.
        file: PathBuf = PathBuf::from("oracle.key"),
    }
}

section! {
    /// Settings of hub transactions.
    Tx {
        /// Price of a unit of gas, in the governed denomination.
        gas_price: f64 = 0.1,
        /// Factor from simulated gas to the gas limit.
        gas_adjustment: f64 = 1.1,
        /// Messages in one `MsgExec`.
        batch: usize = 90,
        /// Time that a round waits for a transaction without a visible result.
        #[serde(with = "humantime_serde")]
        confirm_timeout: Duration = Duration::from_secs(180),
    }
}

section! {
    /// Log settings.
    Log {
        /// Format of log lines.
        format: LogFormat = LogFormat::Json,
        /// Minimum level, or a filter such as `info,bridge_oracle=debug`.
        level: String = "info".into(),
    }
}
