//! The open database: the state in memory, the readers, and the queue of the writer.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::bindings::index::BindingIndex;
use super::bindings::nonces::UsedNonces;
use super::bindings::sql as binding_sql;
use super::clock::{Clock, UnixTime};
use super::error::{OpenError, StoreError};
use super::home::Home;
use super::intents::sql as intent_sql;
use super::intents::unresolved::UnresolvedIntents;
use super::options::StoreOptions;
use super::pause::{PAUSE_NAME, Pause};
use super::readers::Readers;
use super::secret::{self, TokenKey};
use super::sessions::sql as session_sql;
use super::sessions::table::{self, SessionTable};
use super::state::StoreState;
use super::write_request::{Reply, WriteRequest};
use super::writer::{self, WriteConnection, Writer, WriterCell};
use super::{schema, sql};

/// Maximum queued writes.
const MAX_QUEUED_WRITES: usize = 4096;

/// One open database with one writer.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) memory: Arc<StoreState>,
    pub(super) token_key: TokenKey,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) readers: Readers,
    queue: Mutex<Option<mpsc::Sender<WriteRequest>>>,
    /// Number of queued writes.
    waiting: Arc<AtomicUsize>,
    writer: Arc<WriterCell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Database {
    /// Opens the database and loads the state in memory; blocks.
    pub(super) fn open(home: &Path, options: StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
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
        Ok(Self {
            memory,
            token_key,
            clock,
            readers: Readers::new(path),
            queue: Mutex::new(Some(queue)),
            waiting,
            writer,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Writes what is left and closes the database, in one file. Later calls that write fail.
    pub(super) async fn close(&self) {
        let queue = lock(&self.queue).take();
        // The connection that closes last takes the log into the database, and one that only reads cannot: so the
        // writer must not see its end before the readers are gone.
        self.readers.close().await;
        drop(queue);
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && let Ok(Err(_)) = tokio::task::spawn_blocking(|| thread.join()).await
        {
            tracing::error!("the writer of the store failed");
        }
    }

    /// Executes or queues a write and waits for its result.
    pub(super) async fn write<T>(
        &self,
        write: impl FnOnce(Reply<T>) -> WriteRequest,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.put(write(reply))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Executes or queues a write.
    pub(super) fn put(&self, write: WriteRequest) -> Result<(), StoreError> {
        let Err(write) = self.write_inline(write) else { return Ok(()) };
        let Self { queue, waiting, .. } = self;
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
        let Ok(mut writer) = self.writer.try_lock() else { return Err(write) };
        match writer.as_mut() {
            Some(writer) if self.waiting.load(Ordering::SeqCst) == 0 => writer.write_inline(write),
            _ => Err(write),
        }
    }
}

/// Locks a mutex. Poisoning is harmless: entries are written whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(
    connection: &rusqlite::Connection,
    now: UnixTime,
    options: StoreOptions,
) -> Result<(StoreState, TokenKey, i64), StoreError> {
    let (nonce_key, token_key, horizon) = secret::load(connection)?;
    let mut nonces = UsedNonces::new(horizon);
    binding_sql::load_nonces(connection, |nonce| nonces.insert(&nonce))?;
    let mut view = BindingIndex::default();
    let kept = i64::try_from(options.binding_retention.as_secs()).unwrap_or(now);
    binding_sql::load_bindings(connection, now - kept, |binding, holders| view.put(binding, holders))?;
    let last_id = binding_sql::last_binding(connection)?;
    let mut live = SessionTable::default();
    session_sql::load(connection, |record| live.put(Arc::new(record)))?;
    let since = now - table::ADMISSION_WINDOW;
    session_sql::load_admissions(connection, since, |holder, at| live.note_admission(holder, at))?;
    let (live, intents) = (Arc::new(Mutex::new(live)), UnresolvedIntents::default());
    intent_sql::load(connection, |record| intents.open(&live, record))?;
    let pause = sql::meta(connection, PAUSE_NAME)?;
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
