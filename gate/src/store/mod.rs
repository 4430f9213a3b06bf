//! Persistent state of the gate: bindings, used nonces, sessions. The only module that knows SQL.
//!
//! One process has one store with one writer, so the state in memory is always current, and a handshake is answered
//! from it without I/O. A write is confirmed after its commit, never before. A failing disk is an error to the caller;
//! the service continues.

mod audit;
mod batch;
mod binding;
mod binding_index;
mod cause;
pub mod clock;
mod enforcement;
mod error;
mod home;
mod intents;
mod nonces;
mod readers;
mod schema;
mod secret;
mod session;
mod session_table;
mod slab;
mod sql;
mod sql_intents;
mod sql_privacy;
mod sql_sessions;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use self::audit::{
    AuditEntry, ExportedBinding, ExportedHandshake, ExportedSession, MAX_REASON_CHARS, Pause, WalletExport,
};
pub use self::binding::{Binding, BindingKey, Proof, Redemption, Source};
pub(crate) use self::binding_index::MAX_HOLDERS;
pub use self::binding_index::{MAX_PER_ACCOUNT, MAX_PER_ACCOUNT_AND_HOLDER, MAX_PER_HOLDER};
pub use self::cause::EvictionCause;
pub use self::error::{OpenError, StoreError};
pub use self::intents::UnresolvedIntent;
pub use self::nonces::{Nonce, NonceState};
pub use self::secret::NonceKey;
pub use self::session::{Claim, ClaimError, HolderLimits, SessionRecord, SessionState};
pub use self::session_table::Reservation;

pub use self::batch::WriteOutage;
use self::batch::{Reply, StoreState, WriteRequest};
use self::binding_index::BindingIndex;
use self::clock::{Clock, SystemClock};
use self::home::Home;
use self::intents::UnresolvedIntents;
use self::nonces::UsedNonces;
use self::readers::Readers;
use self::secret::{BearerToken, TokenKey};
use self::session_table::{SessionTable, lock};
use self::writer::{WriteConnection, Writer, WriterCell};

/// Maximum queued writes.
const MAX_QUEUED_WRITES: usize = 4096;

/// Retention times and maintenance interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Used nonces. At least the time in which a challenge can be redeemed; a challenge that is older
    /// counts as used.
    pub nonce_retention: Duration,
    /// Bindings after their end, so that a handshake is refused as expired and not as unknown.
    pub binding_retention: Duration,
    /// Sessions after their end.
    pub session_retention: Duration,
    /// What the operator did.
    pub audit_retention: Duration,
    /// Time between two maintenance runs: last uses, which only order bindings, are written, and the log is
    /// checkpointed.
    pub checkpoint_interval: Duration,
    /// Simulates a disk of this many pages.
    #[cfg(test)]
    pub(crate) max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            nonce_retention: Duration::from_secs(600),
            binding_retention: day,
            session_retention: day,
            audit_retention: 90 * day,
            checkpoint_interval: Duration::from_secs(10),
            #[cfg(test)]
            max_pages: None,
        }
    }
}

/// A handle on the store; clones share it. It closes when the last one is dropped, or by [`Store::close`].
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    memory: Arc<StoreState>,
    token_key: TokenKey,
    clock: Arc<dyn Clock>,
    readers: Readers,
    queue: Mutex<Option<mpsc::Sender<WriteRequest>>>,
    /// Writes that wait.
    waiting: Arc<AtomicUsize>,
    writer: Arc<WriterCell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in a home directory, which is created if it is not there.
    pub async fn open(home: &Path) -> Result<Self, OpenError> {
        Self::open_with(home, Options::default(), Arc::new(SystemClock)).await
    }

    /// Opens the store with these options and this clock.
    pub async fn open_with(home: &Path, options: Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = home.to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_now(&path, options, clock)).await;
        let ended = |error| OpenError::Io { path: home.to_owned(), source: std::io::Error::other(error) };
        opened.map_err(ended)?
    }

    fn open_now(home: &Path, options: Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let home = Home::open(home)?;
        let path = home.database();
        let connection = schema::open(&home)?;
        let loaded = load(&connection, clock.unix(), options);
        let (memory, token_key, last_id) =
            loaded.map_err(|source| OpenError::Database { path: path.clone(), source })?;
        let memory = Arc::new(memory);
        let mut writer = Writer {
            home,
            connection: Some(WriteConnection::new(connection)),
            memory: Arc::clone(&memory),
            clock: Arc::clone(&clock),
            options,
            runtime: Handle::current(),
            last_id,
            logged: 0,
        };
        writer.prepare();
        let (writer, waiting) = (Arc::new(Mutex::new(Some(writer))), Arc::new(AtomicUsize::new(0)));
        let (queue, received) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn({
            let (writer, waiting) = (Arc::clone(&writer), Arc::clone(&waiting));
            move || writer::run(&writer, options, &received, &waiting)
        });
        let thread = thread.map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let inner = Inner {
            memory,
            token_key,
            clock,
            readers: Readers::new(path),
            queue: Mutex::new(Some(queue)),
            waiting,
            writer,
            thread: Mutex::new(Some(thread)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes what is left and closes the database, in one file. Later calls that write fail.
    pub async fn close(&self) {
        let queue = lock(&self.inner.queue).take();
        // The connection that closes last takes the log into the database, and one that only reads cannot: so the
        // writer must not see its end before the readers are gone.
        self.inner.readers.close().await;
        drop(queue);
        let thread = lock(&self.inner.thread).take();
        if let Some(thread) = thread
            && let Ok(Err(_)) = tokio::task::spawn_blocking(|| thread.join()).await
        {
            tracing::error!("the writer of the store failed");
        }
    }

    /// Why nothing can be written at the moment, as far as it was tried.
    pub fn write_outage(&self) -> Option<WriteOutage> {
        lock(&self.inner.memory.trouble).clone()
    }

    /// The key under which challenges are issued.
    pub fn nonce_key(&self) -> NonceKey {
        lock(&self.inner.memory.nonce_key).clone()
    }

    /// Whether a nonce can still be redeemed. Asked early; [`Store::redeem`] decides.
    pub fn nonce_state(&self, nonce: &Nonce) -> NonceState {
        lock(&self.inner.memory.nonces).state(nonce)
    }

    /// Uses up the nonce and writes the binding, both or none. Returns it with the bearer's token.
    pub async fn redeem(&self, new: Redemption) -> Result<(Binding, String), StoreError> {
        let secret = BearerToken::secret();
        let (token, new) = (BearerToken::hash(&secret), Box::new(new));
        let binding = self.write(|reply| WriteRequest::Redeem { new, token, reply }).await?;
        Ok((binding, self.inner.token_key.seal(binding.id, secret)))
    }

    /// The bindings of an account, expired ones too, in the order in which to try them (see
    /// [`MAX_PER_ACCOUNT`] for how many there can be).
    pub fn bindings_of(&self, account: &AccountAddress) -> Vec<Binding> {
        lock(&self.inner.memory.view).of_account(account, self.inner.clock.unix())
    }

    /// A handshake was admitted through this binding. At once in memory, later on the disk.
    pub fn touch_binding(&self, key: &BindingKey) {
        lock(&self.inner.memory.view).touch(key, self.inner.clock.unix());
    }

    /// A handshake tried this binding in vain, for a reason that lies with it: no card, or no free
    /// device. (Not when Ethereum could not be asked.) It is tried after the others from then on.
    pub fn mark_binding_refused(&self, key: &BindingKey) {
        lock(&self.inner.memory.view).refuse(key, self.inner.clock.unix());
    }

    /// How many bindings are remembered.
    pub fn binding_count(&self) -> usize {
        lock(&self.inner.memory.view).len()
    }

    /// The binding of a bearer, unless it was replaced or ended.
    pub async fn binding_by_token(&self, token: &str) -> Result<Option<Binding>, StoreError> {
        let Some(token) = self.inner.token_key.open(token) else { return Ok(None) };
        let id = token.id();
        let found = self.inner.readers.read(move |connection| sql::token(connection, id)).await?;
        let Some((key, hash)) = found else { return Ok(None) };
        let binding = lock(&self.inner.memory.view).get(&key);
        Ok(binding.filter(|binding| binding.id == token.id() && token.matches(&hash)))
    }

    /// The signed text of a binding, which proves it to another gate.
    pub async fn binding_proof(&self, binding: &Binding) -> Result<Option<Proof>, StoreError> {
        let id = binding.id;
        self.inner.readers.read(move |connection| sql::proof(connection, id)).await
    }

    /// Ends a binding. A newer one of the same wallet and account stays.
    pub async fn delete_binding(&self, binding: &Binding) -> Result<(), StoreError> {
        let (key, id) = (binding.key(), binding.id);
        self.write(|reply| WriteRequest::Forget { key, id, reply }).await
    }

    /// Claims a tunnel key and a device slot for a handshake, before the node is asked.
    pub fn claim(&self, claim: Claim) -> Result<Reservation, ClaimError> {
        session_table::claim(&self.inner.memory.live, claim, self.inner.clock.unix())
    }

    /// Writes an admitted session and the node's answer, in the place of what was known of it. Keep the
    /// reservation until this has returned.
    pub async fn record_session(&self, record: SessionRecord, answer: Vec<u8>) -> Result<(), StoreError> {
        let (session_id, peer_id) = (record.session_id, record.peer_id.clone());
        let record = Arc::new(record);
        self.write(|reply| WriteRequest::Record { record, answer, reply }).await?;
        self.inner.memory.intents.close(session_id, &peer_id);
        Ok(())
    }

    /// A session that lives on the hub, evicted or not.
    pub fn session(&self, session_id: u64) -> Option<Arc<SessionRecord>> {
        lock(&self.inner.memory.live).get(session_id)
    }

    /// All of them, by number.
    pub fn list_sessions(&self) -> Vec<Arc<SessionRecord>> {
        lock(&self.inner.memory.live).all()
    }

    /// The node's answer to a session's handshake.
    pub async fn session_answer(&self, session_id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.readers.read(move |connection| sql_sessions::answer(connection, session_id)).await
    }

    /// The session that uses a tunnel key, or was evicted with it.
    pub fn session_using_peer(&self, service: &str, peer_id: &str) -> Option<u64> {
        lock(&self.inner.memory.live).session_using_peer(service, peer_id, None)
    }

    /// Sessions in the device slots of a holder: live ones with a card of this address, and pending claims.
    pub fn sessions_in_device_slots(&self, holder: Address) -> Vec<u64> {
        lock(&self.inner.memory.live).sessions_in_device_slots(holder).into_iter().collect()
    }

    /// Sessions in the peer slots of a holder: those with a device slot, and evicted ones that the node has not
    /// removed yet.
    pub fn sessions_in_peer_slots(&self, holder: Address) -> Vec<u64> {
        lock(&self.inner.memory.live).sessions_in_peer_slots(holder).into_iter().collect()
    }

    /// Slots of the node that sessions of all holders take.
    pub fn peer_slots_in_use(&self) -> usize {
        lock(&self.inner.memory.live).peer_slots_in_use()
    }

    /// Whether the node still has the peer of a session.
    pub fn holds_peer_slot(&self, session_id: u64) -> bool {
        lock(&self.inner.memory.live).holds_peer_slot(session_id)
    }

    /// Notes that the node has removed the peer of an evicted session.
    pub fn release_peer_slot(&self, session_id: u64) {
        lock(&self.inner.memory.live).release_peer_slot(session_id);
    }

    /// The sessions of an account that live on the hub, evicted or not, by number.
    pub fn sessions_of_account(&self, account: &AccountAddress) -> Vec<Arc<SessionRecord>> {
        lock(&self.inner.memory.live).of_account(account)
    }

    /// Sets whether the peer of a session is in the tunnel.
    pub async fn set_session_state(&self, session_id: u64, state: SessionState) -> Result<(), StoreError> {
        let evicted_at = (state == SessionState::Evicted).then(|| self.inner.clock.unix());
        self.write(|reply| WriteRequest::Mark { session_id, state, cause: None, evicted_at, reply }).await
    }

    /// Records that a session left the hub: its key and device slot are free.
    pub async fn end_session(&self, session_id: u64) -> Result<(), StoreError> {
        self.write(|reply| WriteRequest::End { session_id, reply }).await
    }

    async fn write<T>(&self, write: impl FnOnce(Reply<T>) -> WriteRequest) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.put(write(reply))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Executes or queues a write.
    fn put(&self, write: WriteRequest) -> Result<(), StoreError> {
        let Err(write) = self.write_inline(write) else { return Ok(()) };
        let Inner { queue, waiting, .. } = &*self.inner;
        if waiting.fetch_add(1, Ordering::SeqCst) >= MAX_QUEUED_WRITES {
            waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::Overloaded);
        }
        let sent = lock(queue).as_ref().map(|queue| queue.send(write));
        if let Some(Ok(())) = sent {
            return Ok(());
        }
        waiting.fetch_sub(1, Ordering::SeqCst);
        Err(StoreError::Closed)
    }

    /// Executes a write inline while the writer is free and the queue is empty; a queued write would have come first.
    fn write_inline(&self, write: WriteRequest) -> Result<(), WriteRequest> {
        let Ok(mut writer) = self.inner.writer.try_lock() else { return Err(write) };
        match writer.as_mut() {
            Some(writer) if self.inner.waiting.load(Ordering::SeqCst) == 0 => writer.write_inline(write),
            _ => Err(write),
        }
    }
}

fn load(
    connection: &rusqlite::Connection,
    now: clock::UnixTime,
    options: Options,
) -> Result<(StoreState, TokenKey, i64), StoreError> {
    let (nonce_key, token_key, horizon) = secret::load(connection)?;
    let mut nonces = UsedNonces::new(horizon);
    sql::load_nonces(connection, |nonce| nonces.insert(&nonce))?;
    let mut view = BindingIndex::default();
    let kept = i64::try_from(options.binding_retention.as_secs()).unwrap_or(now);
    sql::load_bindings(connection, now - kept, |binding, holders| view.put(binding, holders))?;
    let last_id = sql::last_binding(connection)?;
    let mut live = SessionTable::default();
    sql_sessions::load(connection, |record| live.put(Arc::new(record)))?;
    let since = now - session_table::ADMISSION_WINDOW;
    sql_sessions::load_admissions(connection, since, |holder, at| live.note_admission(holder, at))?;
    let (live, intents) = (Arc::new(Mutex::new(live)), UnresolvedIntents::default());
    sql_intents::load(connection, |record| intents.open(&live, record))?;
    let pause = sql::meta(connection, enforcement::PAUSE)?;
    let pause = pause.and_then(|bytes| Pause::from_bytes(&bytes));
    let memory = StoreState {
        view: Mutex::new(view),
        nonces: Mutex::new(nonces),
        live,
        intents,
        nonce_key: Mutex::new(nonce_key),
        pause: Mutex::new(pause),
        trouble: Mutex::default(),
    };
    Ok((memory, token_key, last_id))
}
