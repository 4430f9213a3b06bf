//! The writer: it drains the queue into one transaction, commits, then replies. It has a thread of its own, because a
//! commit that waits for the disk blocks its thread.
//!
//! Invariant: no reply is sent, and nothing shows in memory, before the commit; for all but peer writes that means the
//! disk. Peer writes ([`WriteRequest::is_peer_write`]) are with the operating system by then, so a crash of the
//! process loses none of them; a power cut may, but it ends the peers too, since the tunnel runs on the same machine.
//! A peer write waits for no disk, so the calling thread executes it ([`Writer::write_inline`]) while the queue is
//! empty: two thread wake-ups take longer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::Handle;

use super::audit::sql as audit_sql;
use super::batch::{self, PendingReply, PlannedWrite};
use super::bindings::sql as binding_sql;
use super::clock::{Clock, UnixTime};
use super::database::lock;
use super::error::StoreError;
use super::home::Home;
use super::options::StoreOptions;
use super::secret::{self, NonceKey};
use super::sessions::sql as session_sql;
use super::state::StoreState;
use super::write_request::WriteRequest;
use super::{schema, sql};

/// Maximum writes of one transaction.
const MAX_BATCH_WRITES: usize = 512;
/// With this many queued writes, the writer waits [`GATHER_DELAY`] for more: they share one sync, which is most of the
/// cost of a write.
const GATHER_THRESHOLD: usize = 8;
const GATHER_DELAY: Duration = Duration::from_millis(2);
/// Time between two purges of old entries.
const PURGE_INTERVAL: Duration = Duration::from_secs(60);
/// Time until a clock that was set back is noticed.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two attempts during a write outage.
const OUTAGE_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// Writes after which the log is checkpointed even under constant load. A write takes one to four pages of 4 KiB.
const MAX_LOGGED_WRITES: usize = 4096;

/// Durability of a commit when it is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// On the disk.
    Disk,
    /// With the system, on its way to the disk.
    OperatingSystem,
}

/// The write connection and its current durability.
#[derive(Debug)]
pub(super) struct WriteConnection {
    inner: Connection,
    safety: Durability,
}

impl WriteConnection {
    /// A connection as [`schema`] makes it.
    pub(super) fn new(inner: Connection) -> Self {
        Self { inner, safety: Durability::Disk }
    }

    fn set_durability(&mut self, safety: Durability) -> Result<(), StoreError> {
        if self.safety != safety {
            sql::synchronous(&self.inner, safety == Durability::Disk)?;
            self.safety = safety;
        }
        Ok(())
    }
}

/// The writer; `None` after it has ended.
pub(super) type WriterCell = Mutex<Option<Writer>>;

/// Owns the connection that writes, and the home's lock.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) home: Home,
    pub(super) connection: Option<WriteConnection>,
    pub(super) memory: Arc<StoreState>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: StoreOptions,
    /// Where the callers wait.
    pub(super) runtime: Handle,
    pub(super) last_id: i64,
    /// Writes that are in the log only.
    pub(super) logged: usize,
}

/// Periodic task.
struct Interval {
    time: Duration,
    last: Instant,
}

impl Interval {
    fn new(time: Duration) -> Self {
        Self { time, last: Instant::now() }
    }

    fn is_due(&mut self) -> bool {
        let due = self.last.elapsed() >= self.time;
        if due {
            self.last = Instant::now();
        }
        due
    }
}

/// Runs until every handle of the store is dropped, then closes the database. `waiting` counts the queued writes and
/// those just taken from the queue.
///
/// The lock is held for one batch only: while it is held, no other thread writes inline.
pub(super) fn run(
    place: &WriterCell,
    options: StoreOptions,
    queue: &Receiver<WriteRequest>,
    waiting: &AtomicUsize,
) {
    let mut tidy = Interval::new(options.checkpoint_interval);
    let [mut purge, mut look, mut again] =
        [PURGE_INTERVAL, CLOCK_CHECK_INTERVAL, OUTAGE_RETRY_INTERVAL].map(Interval::new);
    let mut taken = Vec::with_capacity(MAX_BATCH_WRITES);
    loop {
        match queue.recv_timeout(CLOCK_CHECK_INTERVAL.min(options.checkpoint_interval)) {
            Ok(first) => {
                taken.extend([first].into_iter().chain(queue.try_iter()).take(MAX_BATCH_WRITES));
                if taken.len() >= GATHER_THRESHOLD {
                    std::thread::sleep(GATHER_DELAY);
                    taken.extend(queue.try_iter().take(MAX_BATCH_WRITES - taken.len()));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let mut place = lock(place);
        let Some(writer) = place.as_mut() else { return };
        let count = taken.len();
        writer.write(&mut taken);
        waiting.fetch_sub(count, Ordering::SeqCst);
        if writer.logged >= MAX_LOGGED_WRITES || tidy.is_due() {
            writer.tidy();
        }
        let troubled = lock(&writer.memory.trouble).is_some();
        if count > 0 || !troubled {
            again.last = Instant::now();
        }
        // No admission succeeds during an outage, so only this attempt finds its end; and until a clock that was set
        // back is noticed, every new challenge counts as used.
        if (troubled && again.is_due()) || (look.is_due() && writer.is_clock_behind()) {
            drop(writer.purge());
        }
        if purge.is_due() {
            writer.try_purge(Ok(()));
        }
    }
    if let Some(writer) = lock(place).take() {
        writer.end();
    }
}

impl Writer {
    /// The purge of the start. A disk that is full or locked at this moment does not keep what is there
    /// from being used; a clock that was set back keeps new challenges refused until it succeeds.
    pub(super) fn prepare(&mut self) {
        // Those of before are not in memory, so no later purge would find them.
        let limit = self.before(self.options.binding_retention);
        let done =
            self.transact(Durability::Disk, |connection| binding_sql::forget_bindings(connection, limit));
        self.try_purge(done);
    }

    fn end(mut self) {
        self.flush_touched();
        if let Some(connection) = self.connection.take()
            && let Err((_, error)) = connection.inner.close()
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    /// Executes one peer write on the calling thread. Returns the write if it would wait for the disk or for another
    /// program, or if it fails: then the writer thread executes it and reports the error.
    pub(super) fn write_inline(&mut self, write: WriteRequest) -> Result<(), WriteRequest> {
        if self.logged >= MAX_LOGGED_WRITES || !write.is_peer_write() {
            return Err(write);
        }
        let step = [PlannedWrite::of(write)];
        let now = self.clock.unix();
        let done = self.attempt(Durability::OperatingSystem, Duration::ZERO, |connection| {
            batch::execute(connection, &step, now)
        });
        if done.is_err() {
            let [step] = step;
            return Err(step.into_write());
        }
        self.memory.note(&done);
        batch::apply(step, &self.memory).into_iter().for_each(PendingReply::tell);
        Ok(())
    }

    fn write(&mut self, writes: &mut Vec<WriteRequest>) {
        while !writes.is_empty() {
            let now = self.clock.unix();
            let steps = batch::plan(writes, &self.memory, now, &mut self.last_id);
            match self.write_steps(&steps, now) {
                Ok(()) => self.tell(batch::apply(steps, &self.memory)),
                // One bad write must not fail its neighbours: each gets a transaction of its own.
                Err(error) if steps.len() > 1 && !error.affects_all_writes() => {
                    self.write_one_by_one(steps, now);
                }
                Err(error) => batch::fail(steps, &error),
            }
        }
    }

    /// Sends replies from within the runtime: each reply from another thread would wake one of its threads.
    fn tell(&self, told: Vec<PendingReply>) {
        self.runtime.spawn(async move { told.into_iter().for_each(PendingReply::tell) });
    }

    fn write_one_by_one(&mut self, steps: Vec<PlannedWrite>, now: UnixTime) {
        for step in steps {
            let alone = [step];
            match self.write_steps(&alone, now) {
                Ok(()) => self.tell(batch::apply(alone, &self.memory)),
                Err(error) => batch::fail(alone, &error),
            }
        }
    }

    fn write_steps(&mut self, steps: &[PlannedWrite], now: UnixTime) -> Result<(), StoreError> {
        if steps.is_empty() {
            return Ok(());
        }
        let of_peers = steps.iter().all(|step| step.write().is_peer_write());
        let safety = if of_peers { Durability::OperatingSystem } else { Durability::Disk };
        self.transact(safety, |connection| batch::execute(connection, steps, now))?;
        // The commit itself counts for one of them.
        self.logged += steps.len() - 1;
        if steps.iter().any(|step| matches!(step.write(), WriteRequest::Erase { .. })) {
            self.empty_log();
        }
        Ok(())
    }

    /// Empties the log, so that erased data is not in it either.
    fn empty_log(&self) {
        let Some(connection) = &self.connection else { return };
        if !matches!(sql::empty_log(&connection.inner), Ok(true)) {
            tracing::warn!("the database's log keeps what was erased until that is overwritten");
        }
    }

    /// Runs a transaction and records its result.
    fn transact(
        &mut self,
        safety: Durability,
        work: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let done = self.attempt(safety, schema::BUSY_TIMEOUT, work);
        self.memory.note(&done);
        if let Err(error) = &done {
            tracing::warn!(%error, "a write to the database failed");
        }
        done
    }

    /// Commits what went well and undoes what did not. A connection on which even that fails is given
    /// up, which undoes it too. (A full disk makes the database undo it by itself.)
    fn attempt(
        &mut self,
        safety: Durability,
        lock_timeout: Duration,
        work: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let connection = self.connected(safety)?;
        let connected = &connection.inner;
        connected.busy_timeout(lock_timeout)?;
        let done = sql::begin(connected).and_then(|()| work(connected)).and_then(|()| sql::commit(connected));
        self.logged += usize::from(done.is_ok());
        if done.is_ok() || connected.is_autocommit() || sql::rollback(connected).is_ok() {
            self.connection = Some(connection);
        }
        done
    }

    /// Returns a connection with this durability; opens a new one if the last one was given up.
    fn connected(&mut self, safety: Durability) -> Result<WriteConnection, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => WriteConnection::new(schema::writer(&self.home.database())?),
        };
        connection.set_durability(safety)?;
        #[cfg(test)]
        if let Some(pages) = self.options.max_pages {
            connection.inner.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(connection)
    }

    fn tidy(&mut self) {
        self.flush_touched();
        if std::mem::take(&mut self.logged) > 0
            && let Some(connection) = &self.connection
            && let Err(error) = sql::checkpoint(&connection.inner)
        {
            // The log stays, and grows until it can be moved.
            tracing::warn!(%error, "the log cannot be moved into the database");
        }
    }

    fn flush_touched(&mut self) {
        let touched = lock(&self.memory.view).take_used();
        for chunk in touched.chunks(MAX_BATCH_WRITES) {
            // A lost last use costs an order of trying after a restart, nothing else.
            drop(self.transact(Durability::Disk, |connection| {
                chunk.iter().try_for_each(|binding| binding_sql::touch_binding(connection, binding))
            }));
        }
    }

    fn try_purge(&mut self, before: Result<(), StoreError>) {
        if let Err(error) = before.and_then(|()| self.purge()) {
            tracing::warn!(%error, "old entries could not be removed");
        }
    }

    /// Time that lies `retention` in the past.
    fn before(&self, retention: Duration) -> UnixTime {
        self.clock.unix() - UnixTime::try_from(retention.as_secs()).unwrap_or(UnixTime::MAX)
    }

    /// Whether the clock shows a time of which the used nonces are forgotten: it was ahead, and was set back.
    fn is_clock_behind(&self) -> bool {
        lock(&self.memory.nonces).horizon() >= self.clock.unix()
    }

    /// Purges old entries, in the database first.
    fn purge(&mut self) -> Result<(), StoreError> {
        let ended = self.before(self.options.binding_retention);
        let bindings = lock(&self.memory.view).ended(ended);
        let is_clock_behind = self.is_clock_behind();
        let known = lock(&self.memory.nonces).horizon();
        let horizon = self.before(self.options.nonce_retention);
        // The clock was set back behind the horizon: the used nonces of that time are forgotten. A new key voids all
        // old challenges instead.
        let new_key = is_clock_behind.then(NonceKey::random);
        let horizon = if new_key.is_some() { horizon } else { horizon.max(known) };

        let sessions = self.before(self.options.session_retention);
        let audit = self.before(self.options.audit_retention);
        self.transact(Durability::Disk, |connection| {
            binding_sql::forget_nonces(connection, horizon)?;
            secret::set_horizon(connection, horizon)?;
            if let Some(key) = &new_key {
                key.save(connection)?;
            }
            bindings.iter().try_for_each(|id| binding_sql::delete_binding(connection, *id))?;
            audit_sql::forget(connection, audit)?;
            session_sql::forget(connection, sessions)
        })?;

        lock(&self.memory.view).forget(ended);
        lock(&self.memory.nonces).forget(horizon);
        lock(&self.memory.live).forget_admissions(self.clock.unix());
        if let Some(key) = new_key {
            tracing::warn!("the clock was set back: challenges issued before are void");
            *lock(&self.memory.nonce_key) = key;
        }
        Ok(())
    }
}
