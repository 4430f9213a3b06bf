//! The one writer: it drains what waits, puts it into one transaction, commits, then answers. It has a thread of its
//! own, because a commit that waits for the disk holds up whatever is on the thread.
//!
//! Invariant: nobody is told "done", and nothing shows in memory, before the commit: for what people rely on that
//! means the disk. What speaks of peers alone ([`Write::is_of_a_peer`]) is with the system by then, so the end of the
//! process loses none of it; a power cut may, but ends the peers too, since the tunnel is on the same machine. Such a
//! write waits for no disk, so it is done by whoever wants it ([`Writer::at_once`]) while nothing else is waiting: to
//! wake a thread and to be woken by it takes longer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::Handle;

use super::batch::{self, Memory, Step, Told, Write};
use super::clock::{Clock, UnixTime};
use super::error::StoreError;
use super::home::Home;
use super::live::lock;
use super::secret::{self, NonceKey};
use super::{Options, schema, sql, sql_privacy, sql_sessions};

/// How many writes one transaction takes at most.
const BATCH: usize = 512;
/// Where so many wait, more are coming: after so long they share one wait for the disk, which costs most of a write.
const CROWD: usize = 8;
const GATHER: Duration = Duration::from_millis(2);
/// How often old entries go.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// How soon a clock that was set back is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// While nothing can be written: time until that is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// After so many writes the log is moved even under a load that leaves no time for that. A write takes one to four
/// pages of 4 KiB of it.
const LOG: usize = 4096;

/// Where a commit is when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Safety {
    /// On the disk.
    Disk,
    /// With the system, on its way to the disk.
    System,
}

/// The connection that writes, and how safe its commits are now.
#[derive(Debug)]
pub(super) struct Connected {
    inner: Connection,
    safety: Safety,
}

impl Connected {
    /// A connection as [`schema`] makes it.
    pub(super) fn new(inner: Connection) -> Self {
        Self { inner, safety: Safety::Disk }
    }

    fn is_to_be(&mut self, safety: Safety) -> Result<(), StoreError> {
        if self.safety != safety {
            sql::synchronous(&self.inner, safety == Safety::Disk)?;
            self.safety = safety;
        }
        Ok(())
    }
}

/// Where the writer is until it has ended.
pub(super) type Place = Mutex<Option<Writer>>;

/// Owns the connection that writes, and the home's lock.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) home: Home,
    pub(super) connection: Option<Connected>,
    pub(super) memory: Arc<Memory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: Options,
    /// Where the callers wait.
    pub(super) runtime: Handle,
    pub(super) last_id: i64,
    /// Writes that are in the log only.
    pub(super) logged: usize,
}

/// Something that is to be done now and then.
struct Every {
    time: Duration,
    last: Instant,
}

impl Every {
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

/// Works until every handle of the store is gone, then closes the database. `waiting` counts what is in the queue or
/// was just taken from it.
///
/// It takes the writer for no longer than a write needs: while it has it, no other thread writes at once.
pub(super) fn run(place: &Place, options: Options, queue: &Receiver<Write>, waiting: &AtomicUsize) {
    let mut tidy = Every::new(options.tidy_every);
    let [mut purge, mut look, mut again] = [PURGE_EVERY, LOOK_EVERY, TRY_AGAIN].map(Every::new);
    let mut taken = Vec::with_capacity(BATCH);
    loop {
        match queue.recv_timeout(LOOK_EVERY.min(options.tidy_every)) {
            Ok(first) => {
                taken.extend([first].into_iter().chain(queue.try_iter()).take(BATCH));
                if taken.len() >= CROWD {
                    std::thread::sleep(GATHER);
                    taken.extend(queue.try_iter().take(BATCH - taken.len()));
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
        if writer.logged >= LOG || tidy.is_due() {
            writer.tidy();
        }
        let troubled = lock(&writer.memory.trouble).is_some();
        if count > 0 || !troubled {
            again.last = Instant::now();
        }
        // Nobody may be let in while there is trouble, so nobody else would find out that it is over; and until a
        // clock that was set back is noticed, every new challenge counts as used.
        if (troubled && again.is_due()) || (look.is_due() && writer.is_behind()) {
            drop(writer.purge());
        }
        if purge.is_due() {
            writer.purge_or_warn(Ok(()));
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
        let done = self.transact(Safety::Disk, |connection| sql::forget_bindings(connection, limit));
        self.purge_or_warn(done);
    }

    fn end(mut self) {
        self.flush_touched();
        if let Some(connection) = self.connection.take()
            && let Err((_, error)) = connection.inner.close()
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    /// One write of a peer, for which somebody waits. Gives it back where that would mean to wait for the disk or for
    /// another program, and where it fails: then the thread does it, and says why it cannot.
    pub(super) fn at_once(&mut self, write: Write) -> Result<(), Write> {
        if self.logged >= LOG || !write.is_of_a_peer() {
            return Err(write);
        }
        let step = [Step::of(write)];
        let now = self.clock.unix();
        let done =
            self.attempt(Safety::System, Duration::ZERO, |connection| batch::execute(connection, &step, now));
        if done.is_err() {
            let [step] = step;
            return Err(step.into_write());
        }
        self.memory.note(&done);
        batch::apply(step, &self.memory).into_iter().for_each(Told::tell);
        Ok(())
    }

    fn write(&mut self, writes: &mut Vec<Write>) {
        while !writes.is_empty() {
            let now = self.clock.unix();
            let steps = batch::plan(writes, &self.memory, now, &mut self.last_id);
            match self.write_steps(&steps, now) {
                Ok(()) => self.tell(batch::apply(steps, &self.memory)),
                // One bad write must not fail its neighbours: each gets a transaction of its own.
                Err(error) if steps.len() > 1 && !error.is_general() => self.one_by_one(steps, now),
                Err(error) => batch::fail(steps, &error),
            }
        }
    }

    /// From within the runtime: each word from another thread would wake one of its threads.
    fn tell(&self, told: Vec<Told>) {
        self.runtime.spawn(async move { told.into_iter().for_each(Told::tell) });
    }

    fn one_by_one(&mut self, steps: Vec<Step>, now: UnixTime) {
        for step in steps {
            let alone = [step];
            match self.write_steps(&alone, now) {
                Ok(()) => self.tell(batch::apply(alone, &self.memory)),
                Err(error) => batch::fail(alone, &error),
            }
        }
    }

    fn write_steps(&mut self, steps: &[Step], now: UnixTime) -> Result<(), StoreError> {
        if steps.is_empty() {
            return Ok(());
        }
        let of_peers = steps.iter().all(|step| step.write().is_of_a_peer());
        let safety = if of_peers { Safety::System } else { Safety::Disk };
        self.transact(safety, |connection| batch::execute(connection, steps, now))?;
        // The commit itself counts for one of them.
        self.logged += steps.len() - 1;
        if steps.iter().any(|step| matches!(step.write(), Write::Erase { .. })) {
            self.empty_log();
        }
        Ok(())
    }

    /// Who is erased is not to be found in the log either.
    fn empty_log(&self) {
        let Some(connection) = &self.connection else { return };
        if !matches!(sql::empty_log(&connection.inner), Ok(true)) {
            tracing::warn!("the database's log keeps what was erased until that is overwritten");
        }
    }

    /// A transaction, and what came of it noted for everybody.
    fn transact(
        &mut self,
        safety: Safety,
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
        safety: Safety,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let connection = self.connected(safety)?;
        let connected = &connection.inner;
        connected.busy_timeout(patience)?;
        let done = sql::begin(connected).and_then(|()| work(connected)).and_then(|()| sql::commit(connected));
        self.logged += usize::from(done.is_ok());
        if done.is_ok() || connected.is_autocommit() || sql::rollback(connected).is_ok() {
            self.connection = Some(connection);
        }
        done
    }

    /// A connection whose commits are so safe, a new one if the last one was given up.
    fn connected(&mut self, safety: Safety) -> Result<Connected, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connected::new(schema::writer(&self.home.database())?),
        };
        connection.is_to_be(safety)?;
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
        let touched = lock(&self.memory.view).take_touched();
        for chunk in touched.chunks(BATCH) {
            // A lost last use costs an order of trying after a restart, nothing else.
            drop(self.transact(Safety::Disk, |connection| {
                chunk.iter().try_for_each(|binding| sql::touch_binding(connection, binding))
            }));
        }
    }

    fn purge_or_warn(&mut self, before: Result<(), StoreError>) {
        if let Err(error) = before.and_then(|()| self.purge()) {
            tracing::warn!(%error, "old entries could not be removed");
        }
    }

    /// So long ago.
    fn before(&self, retention: Duration) -> UnixTime {
        self.clock.unix() - UnixTime::try_from(retention.as_secs()).unwrap_or(UnixTime::MAX)
    }

    /// Whether the clock shows a time of which the used nonces are forgotten: it was ahead, and was set back.
    fn is_behind(&self) -> bool {
        lock(&self.memory.nonces).horizon() >= self.clock.unix()
    }

    /// Forgets what is no longer needed, in the database first.
    fn purge(&mut self) -> Result<(), StoreError> {
        let ended = self.before(self.options.binding_retention);
        let bindings = lock(&self.memory.view).ended(ended);
        let is_behind = self.is_behind();
        let known = lock(&self.memory.nonces).horizon();
        let horizon = self.before(self.options.nonce_retention);
        // The clock was set back behind what was forgotten: from then on nobody could say which nonces
        // of the time to come were used. With a new key all old challenges are void instead.
        let new_key = is_behind.then(NonceKey::random);
        let horizon = if new_key.is_some() { horizon } else { horizon.max(known) };

        let sessions = self.before(self.options.session_retention);
        let deeds = self.before(self.options.audit_retention);
        self.transact(Safety::Disk, |connection| {
            sql::forget_nonces(connection, horizon)?;
            secret::set_horizon(connection, horizon)?;
            if let Some(key) = &new_key {
                key.save(connection)?;
            }
            bindings.iter().try_for_each(|id| sql::delete_binding(connection, *id))?;
            sql_privacy::forget(connection, deeds)?;
            sql_sessions::forget(connection, sessions)
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
