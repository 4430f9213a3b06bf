//! Stub of the hub for tests, with configurable answers and failures.
//!
//! Behind the cargo feature `stub`, which no program enables.

mod services;
mod transactions;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prost::Message;
use prost_types::Any;
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Code, transport::server::TcpIncoming};

use crate::{
    address::{AccountAddress, NodeAddress},
    hub::{DIRECT_TYPE, SUBSCRIPTION_TYPE, SessionKind},
    tx::SignedTransaction,
    wire::{
        cosmos::{authz::v1beta1::Grant, base::abci::v1beta1::TxResponse},
        sentinel::{
            node::v3 as node,
            session::v3::BaseSession,
            subscription::v3::{self as subscription, Subscription},
            types::v1::Status,
        },
    },
};

/// Answers and behaviour of a stub; may be changed at any time.
#[derive(Debug, Clone)]
pub struct State {
    /// Chain id.
    pub chain_id: String,
    /// Height of its answers.
    pub height: u64,
    /// Whether each answer reports the height.
    pub reports_height: bool,
    /// Whether it reports that it is syncing.
    pub syncing: bool,
    /// Delay of each answer.
    pub delay: Duration,
    /// Error that every request is answered with.
    pub error: Option<Code>,
    /// Sessions by id.
    pub sessions: BTreeMap<u64, Any>,
    /// Subscriptions by id.
    pub subscriptions: BTreeMap<u64, Subscription>,
    /// Answer to every query for one session.
    pub session_override: Option<Any>,
    /// Maximum entries of a page.
    pub max_page_entries: usize,
    /// Sequence of every account; its number is 1.
    pub sequence: u64,
    /// Grants returned for every granter and grantee.
    pub grants: Vec<Grant>,
    /// Next page key of the n-th request for grants; empty: no further page.
    pub next_page_key: fn(u64) -> Vec<u8>,
    /// Time of its newest block, Unix seconds.
    pub time: Option<i64>,
    /// Result of a simulation: gas, or an error message.
    pub simulated: Result<u64, String>,
    /// Error code of codespace `sdk` for broadcast transactions; 0: they are accepted.
    pub refusal: u32,
    /// Received transactions, including rejected ones.
    pub sent: Vec<SignedTransaction>,
    /// Transactions in blocks, by hash.
    pub executed: BTreeMap<String, TxResponse>,
    /// Received requests by method.
    pub request_counts: BTreeMap<&'static str, u64>,
}

impl State {
    /// An empty hub at height 1.
    pub fn new(chain_id: &str) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            height: 1,
            reports_height: true,
            syncing: false,
            delay: Duration::ZERO,
            error: None,
            sessions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            session_override: None,
            max_page_entries: 100,
            sequence: 0,
            grants: Vec::new(),
            next_page_key: |_| Vec::new(),
            time: None,
            simulated: Ok(100_000),
            refusal: 0,
            sent: Vec::new(),
            executed: BTreeMap::new(),
            request_counts: BTreeMap::new(),
        }
    }

    /// Adds a session; for a plan, with a subscription of the same id.
    pub fn put(&mut self, id: u64, account: AccountAddress, node: NodeAddress, kind: SessionKind) {
        if let SessionKind::Plan(plan_id) = kind {
            let acc_address = account.to_string();
            self.subscriptions.insert(id, Subscription { id, acc_address, plan_id, ..Default::default() });
        }
        self.sessions.insert(id, any(base(id, account, node, Status::Active), kind));
    }

    /// Sets the status of a session to `InactivePending`.
    pub fn cancel(&mut self, id: u64, account: AccountAddress, node: NodeAddress, kind: SessionKind) {
        self.sessions.insert(id, any(base(id, account, node, Status::InactivePending), kind));
    }

    /// Includes the received transaction at `index` in the next block and increments the sequence.
    pub fn execute(&mut self, index: usize) {
        let Some(transaction) = self.sent.get(index) else { return };
        let txhash = transaction.hash().to_string();
        self.height += 1;
        self.sequence += 1;
        let height = i64::try_from(self.height).unwrap_or(i64::MAX);
        self.executed.insert(txhash.clone(), TxResponse { txhash, height, ..TxResponse::default() });
    }

    /// Answers every request with `Unavailable` from now on.
    pub fn fail(&mut self) {
        self.error = Some(Code::Unavailable);
    }

    /// Ends [`Self::fail`].
    pub fn recover(&mut self) {
        self.error = None;
    }

    /// Requests to a method so far.
    pub fn count(&self, method: &str) -> u64 {
        self.request_counts.get(method).copied().unwrap_or_default()
    }
}

fn base(id: u64, account: AccountAddress, node: NodeAddress, status: Status) -> BaseSession {
    BaseSession {
        id,
        acc_address: account.to_string(),
        node_address: node.to_string(),
        status: status.into(),
        ..BaseSession::default()
    }
}

fn any(base: BaseSession, kind: SessionKind) -> Any {
    let (subscription_id, base_session) = (base.id, Some(base));
    match kind {
        SessionKind::Direct => Any {
            type_url: DIRECT_TYPE.to_owned(),
            value: node::Session { base_session, price: None }.encode_to_vec(),
        },
        SessionKind::Plan(_) => Any {
            type_url: SUBSCRIPTION_TYPE.to_owned(),
            value: subscription::Session { base_session, subscription_id }.encode_to_vec(),
        },
    }
}

/// A running stub; stops when dropped.
#[derive(Debug)]
pub struct StubHub {
    state: Arc<Mutex<State>>,
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl StubHub {
    /// Starts on a free port.
    pub fn start(state: State) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), state)
    }

    /// Starts on this address.
    pub fn start_at(addr: SocketAddr, state: State) -> io::Result<Self> {
        let incoming = TcpIncoming::bind(addr)?;
        let addr = incoming.local_addr()?;
        let state = Arc::new(Mutex::new(state));
        let (stop, stopped) = oneshot::channel();
        let router = services::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = router.serve_with_incoming_shutdown(incoming, stopped).await {
                tracing::error!(%error, "stub hub failed");
            }
        });
        Ok(Self { state, addr, stop: Some(stop), server: Some(server) })
    }

    /// Listening address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The state, to be read or changed.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all connections and releases the port.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let _ = server.await;
        }
    }
}
