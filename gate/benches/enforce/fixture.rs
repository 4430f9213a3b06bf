//! Everything around the gate, with holders whose sessions it finds in its database.

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::sol;
use alloy::sol_types::{SolCall as _, SolValue as _};
use futures::{StreamExt as _, stream};
use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::hub::SessionKind;
use sentinel_proto::stub::{State, StubHub};
use serde_json::json;
use sovereign_contracts::dev::{Anvil, DevChain};
use sovereign_contracts::follower::Cursor;
use sovereign_gate::store::clock::{Clock as _, SystemClock};
use sovereign_gate::store::{BindingProof, Redemption, SessionRecord, SessionState, Store};
use tempfile::TempDir;
use toml::Table;

use crate::process::{Gate, free_port};
use crate::tunnel::{self, WireGuard};

const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const NODE: NodeAddress = NodeAddress::new([9; 20]);
const CHAIN: &str = "sentinel-bench";
const CARD: u64 = 3;
const DAY: i64 = 24 * 3600;
const MAX_CONCURRENT_REQUESTS: usize = 256;

sol! {
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
}

pub(crate) struct Fixture {
    anvil: Anvil,
    chain: DevChain,
    memes: Address,
    hub: StubHub,
    wireguard: WireGuard,
    node: String,
    homes: Vec<TempDir>,
}

fn holder(session: usize) -> Address {
    Address::from_word(keccak256((session as u64).to_be_bytes()))
}

fn account(session: usize) -> AccountAddress {
    let mut bytes = [7; 20];
    bytes[..8].copy_from_slice(&(session as u64).to_be_bytes());
    AccountAddress::new(bytes)
}

impl Fixture {
    pub(crate) async fn build(sessions: usize) -> Self {
        let (anvil, chain) = Anvil::start_with_stand_ins(&["--gas-limit", "3000000000"]).await.unwrap();
        let memes = chain.deploy_memes(DEPLOYER, 8).await.unwrap();
        let mut state = State::new(CHAIN);
        for session in 1..=sessions {
            state.put(session as u64, account(session), NODE, SessionKind::Direct);
        }
        let hub = StubHub::start(state).unwrap();
        let wireguard = WireGuard::start(sessions);
        let world = Self { anvil, chain, memes, hub, wireguard, node: node().await, homes: Vec::new() };
        world.give(sessions).await;
        world
    }

    /// Puts a card into each wallet; a transaction each would take longer than the measurement.
    async fn give(&self, sessions: usize) {
        // `_balances` is the first variable of OpenZeppelin's ERC1155.
        let of_card = keccak256((U256::from(CARD), U256::ZERO).abi_encode());
        let writes = (1..=sessions).map(|session| {
            let place = keccak256((holder(session), of_card).abi_encode());
            let write = json!([self.memes, place, B256::with_last_byte(1)]);
            async move { self.chain.rpc("anvil_setStorageAt", write).await.map(drop).unwrap() }
        });
        stream::iter(writes).buffer_unordered(32).collect::<Vec<()>>().await;
        self.rpc("evm_mine", json!([])).await;
    }

    /// A gate whose database holds so many live sessions.
    pub(crate) async fn gate(&mut self, sessions: usize) -> Gate {
        let home = tempfile::tempdir().unwrap();
        let (port, admin) = (free_port(), free_port());
        std::fs::write(home.path().join("config.toml"), self.config(port, admin)).unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let head = self.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
        let (number, hash) = (head["number"].as_str().unwrap(), head["hash"].as_str().unwrap());
        let number: U256 = number.parse().unwrap();
        let cursor = Cursor { number: number.to(), hash: hash.parse().unwrap() };
        store.progress().set_ethereum_cursor(cursor).await.unwrap();
        let now = SystemClock.unix();
        let written = (1..=sessions).map(|session| {
            let store = store.clone();
            async move {
                store.bindings().redeem(sign_in(session, now)).await.unwrap();
                store.sessions().record(record(session, now, cursor.number), answer(session)).await.unwrap();
            }
        });
        stream::iter(written).buffer_unordered(MAX_CONCURRENT_REQUESTS).collect::<Vec<()>>().await;
        store.close().await;
        let gate = Gate::start(home.path(), admin).await;
        self.homes.push(home);
        gate
    }

    fn config(&self, port: u16, admin: u16) -> String {
        let rpc = self.anvil.url();
        let section = |pairs: &[(&str, toml::Value)]| {
            toml::Value::Table(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let nobody = Address::ZERO.to_string();
        let sections = [
            (
                "gate",
                section(&[
                    ("listen_addr", format!("127.0.0.1:{port}").into()),
                    ("admin_addr", format!("127.0.0.1:{admin}").into()),
                    ("node_url", self.node.clone().into()),
                    ("network", "bench".into()),
                    ("public_url", format!("https://127.0.0.1:{port}").into()),
                ]),
            ),
            (
                "ethereum",
                section(&[
                    ("rpc_addrs", vec![rpc].into()),
                    ("ws_addrs", vec![format!("ws://127.0.0.1:{}", self.anvil.port())].into()),
                    ("chain_id", 31_337.into()),
                    ("max_head_age", "0s".into()),
                ]),
            ),
            ("memes", section(&[("contract", self.memes.to_string().into()), ("this_card", "7".into())])),
            (
                "delegation",
                section(&[("nft_delegation", nobody.clone().into()), ("delegate_registry", nobody.into())]),
            ),
            (
                "hub",
                section(&[
                    ("grpc_addrs", vec![format!("http://{}", self.hub.addr())].into()),
                    ("chain_id", CHAIN.into()),
                ]),
            ),
            (
                "tunnel",
                section(&[
                    ("service", "wireguard".into()),
                    ("interface", self.wireguard.socket().display().to_string().into()),
                    // The first gate knows nobody, and would shut everybody out.
                    ("foreign_peers", "keep".into()),
                ]),
            ),
            ("log", section(&[("level", "warn".into())])),
        ];
        sections.into_iter().map(|(name, section)| (name.to_owned(), section)).collect::<Table>().to_string()
    }

    /// One block with one transfer between people whom the gate does not know.
    pub(crate) async fn strangers_transfer(&self) {
        let somebody = Address::from_word(B256::from(rand::random::<[u8; 32]>()));
        self.chain.mint(DEPLOYER, self.memes, somebody, CARD).await.unwrap();
    }

    /// The first holders sell, all in one block.
    pub(crate) async fn sell(&self, holders: usize) {
        self.rpc("evm_setAutomine", json!([false])).await;
        for session in 1..=holders {
            let from = holder(session);
            let call = safeTransferFromCall {
                from,
                to: Address::repeat_byte(0xbe),
                id: U256::from(CARD),
                amount: U256::from(1),
                data: Bytes::new(),
            };
            let data = Bytes::from(call.abi_encode());
            self.rpc("anvil_setBalance", json!([from, "0x56bc75e2d63100000"])).await;
            self.rpc("anvil_impersonateAccount", json!([from])).await;
            let send = json!([{ "from": from, "to": self.memes, "data": data, "gas": "0x40000" }]);
            self.rpc("eth_sendTransaction", send).await;
        }
        self.rpc("evm_mine", json!([])).await;
        self.rpc("evm_setAutomine", json!([true])).await;
    }

    pub(crate) fn passing(&self) -> usize {
        self.wireguard.passing()
    }

    async fn rpc(&self, method: &str, params: serde_json::Value) -> serde_json::Value {
        self.chain.rpc(method, params).await.unwrap()
    }
}

fn sign_in(session: usize, now: i64) -> Redemption {
    Redemption {
        nonce: None,
        account: account(session),
        wallet: holder(session),
        vault: None,
        holders: Vec::new(),
        proof: BindingProof { message: "as long as a message is ".repeat(20), signature: vec![1; 65] },
        issued_at: now,
        expires_at: now + DAY,
        max_accounts: 6,
    }
}

fn record(session: usize, now: i64, block: u64) -> SessionRecord {
    SessionRecord {
        session_id: session as u64,
        account: account(session),
        wallet: Some(holder(session)),
        vault: None,
        via: Some("own".to_owned()),
        collection: None,
        card: Some(format!("{}/{CARD}", Address::repeat_byte(3))),
        tier: "paid".to_owned(),
        plan: None,
        service: "wireguard".to_owned(),
        peer_id: tunnel::key(session),
        addresses: vec![tunnel::address(session)],
        handshake_hash: [1; 32],
        slot_holder: Some(holder(session)),
        admitted_at: now,
        decision_block: block,
        expires_at: now + DAY,
        state: SessionState::Live,
        cause: None,
        evicted_at: None,
        signed_in_after: None,
        own_key: None,
    }
}

fn answer(session: usize) -> Vec<u8> {
    format!(r#"{{"success":true,"result":{{"addrs":["127.0.0.1"],"data":"{session:0200}"}}}}"#).into_bytes()
}

/// Says what a node says of itself; its URL.
async fn node() -> String {
    let info =
        json!({ "success": true, "result": { "addr": NODE.to_string(), "service_type": "wireguard" } });
    let info = Arc::new(info.to_string());
    let answer = move || {
        let info = Arc::clone(&info);
        async move { ([("content-type", "application/json")], info.to_string()) }
    };
    let router = axum::Router::new().fallback(axum::routing::any(answer));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}
