//! The one writer: it drains what waits, puts it into one transaction, commits, then answers.
//!
//! Invariant: nobody is told "done", and nothing shows in memory, before the commit: for what people rely on that
//! means the disk. What speaks of peers alone ([`Step::is_of_a_peer`]) is with the system by then, so the end of the
//! process loses none of it; a power cut may, but ends the peers too, since the tunnel is on the same machine.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::batch::{self, Memory, Step, Write};
use super::clock::{Clock, UnixTime};
use super::error::StoreError;
use super::home::Home;
use super::live::lock;
use super::secret::{self, NonceKey};
use super::{Options, schema, sql, sql_privacy, sql_sessions};

/// How many writes one transaction takes at most.
const BATCH: usize = 512;
/// How often old entries go.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// How soon a clock that was set back is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// While nothing can be written: time until that is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

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
    inner: SqliteConnection,
    safety: Safety,
}

impl Connected {
    /// A connection as [`schema`] makes it.
    pub(super) fn new(inner: SqliteConnection) -> Self {
        Self { inner, safety: Safety::Disk }
    }

    async fn is_to_be(&mut self, safety: Safety) -> Result<(), StoreError> {
        if self.safety != safety {
            sql::synchronous(&mut self.inner, safety == Safety::Disk).await?;
            self.safety = safety;
        }
        Ok(())
    }
}

/// Owns the connection that writes, and the home's lock.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) home: Home,
    pub(super) connection: Option<Connected>,
    pub(super) memory: Arc<Memory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: Options,
    pub(super) last_id: i64,
    /// Something is in the log.
    pub(super) written: bool,
}

impl Writer {
    /// The purge of the start. A disk that is full or locked at this moment does not keep what is there
    /// from being used; a clock that was set back keeps new challenges refused until it succeeds.
    pub(super) async fn prepare(&mut self) {
        let done = match self.begin(Safety::Disk).await {
            Ok(mut connection) => {
                // Those of before are not in memory, so no later purge would find them.
                let limit = self.before(self.options.binding_retention);
                let done = sql::forget_bindings(&mut connection.inner, limit).await;
                self.end(connection, done).await
            }
            Err(error) => Err(error),
        };
        self.purge_or_warn(done).await;
    }

    /// Works until every handle of the store is gone, then closes the database.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Write>) {
        let every = self.options.tidy_every;
        let mut tidy = interval_at(Instant::now() + every, every);
        let mut purge = interval_at(Instant::now() + PURGE_EVERY, PURGE_EVERY);
        let mut look = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut writes = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                received = queue.recv_many(&mut writes, BATCH) => {
                    if received == 0 {
                        break;
                    }
                    self.write(&mut writes).await;
                }
                _ = tidy.tick() => self.tidy().await,
                // Nobody may be let in meanwhile, so nobody else would find out that it is over.
                () = sleep(TRY_AGAIN), if lock(&self.memory.trouble).is_some() => drop(self.purge().await),
                // Until then every new challenge would count as used.
                _ = look.tick() => if self.is_behind() { drop(self.purge().await) },
                _ = purge.tick() => self.purge_or_warn(Ok(())).await,
            }
        }
        self.flush_touched().await;
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.inner.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    async fn write(&mut self, writes: &mut Vec<Write>) {
        while !writes.is_empty() {
            let now = self.clock.unix();
            let steps = batch::plan(writes, &self.memory, now, &mut self.last_id);
            match self.transact(&steps, now).await {
                Ok(()) => batch::apply(steps, &self.memory),
                // One bad write must not fail its neighbours: each gets a transaction of its own.
                Err(error) if steps.len() > 1 && !error.is_general() => self.one_by_one(steps, now).await,
                Err(error) => batch::fail(steps, &error),
            }
        }
    }

    async fn one_by_one(&mut self, steps: Vec<Step>, now: UnixTime) {
        for step in steps {
            let alone = vec![step];
            match self.transact(&alone, now).await {
                Ok(()) => batch::apply(alone, &self.memory),
                Err(error) => batch::fail(alone, &error),
            }
        }
    }

    async fn transact(&mut self, steps: &[Step], now: UnixTime) -> Result<(), StoreError> {
        if steps.is_empty() {
            return Ok(());
        }
        let safety = if steps.iter().all(Step::is_of_a_peer) { Safety::System } else { Safety::Disk };
        if safety == Safety::System && steps.len() == 1 {
            return self.alone(steps, now).await;
        }
        let mut connection = self.begin(safety).await?;
        let done = batch::execute(&mut connection.inner, steps, now).await;
        self.end(connection, done).await
    }

    /// One step of a peer, for which somebody waits: its statement is a transaction of its own, so opening and
    /// ending one, each a way to the database's thread and back, is left out.
    async fn alone(&mut self, step: &[Step], now: UnixTime) -> Result<(), StoreError> {
        let connection = self.connected(Safety::System).await;
        let done = match connection {
            Ok(mut connection) => {
                let done = batch::execute(&mut connection.inner, step, now).await;
                if done.as_ref().err().is_none_or(StoreError::is_general) {
                    self.connection = Some(connection);
                }
                done
            }
            Err(error) => Err(error),
        };
        self.memory.note(&done);
        self.written |= done.is_ok();
        if let Err(error) = &done {
            tracing::warn!(%error, "a write to the database failed");
        }
        done
    }

    /// Opens a transaction, on a new connection if the last one was given up.
    async fn begin(&mut self, safety: Safety) -> Result<Connected, StoreError> {
        let begun = self.try_begin(safety).await;
        if let Err(error) = &begun {
            self.memory.note(&Err(error.clone()));
        }
        begun
    }

    /// A connection whose commits are so safe.
    async fn connected(&mut self, safety: Safety) -> Result<Connected, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connected::new(schema::connect(&self.home.database()).await?),
        };
        connection.is_to_be(safety).await?;
        #[cfg(test)]
        if let Some(pages) = self.options.max_pages {
            let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
            sqlx::raw_sql(limit).execute(&mut connection.inner).await?;
        }
        Ok(connection)
    }

    async fn try_begin(&mut self, safety: Safety) -> Result<Connected, StoreError> {
        let mut connection = self.connected(safety).await?;
        match sql::begin(&mut connection.inner).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                if error.is_general() {
                    self.connection = Some(connection);
                }
                Err(error)
            }
        }
    }

    /// Commits what went well and undoes what did not. A connection on which even that fails is given
    /// up, which undoes it too. (A full disk makes the database undo it by itself.)
    async fn end(
        &mut self,
        mut connection: Connected,
        done: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let done = match done {
            Ok(()) => sql::commit(&mut connection.inner).await,
            Err(error) => Err(error),
        };
        self.memory.note(&done);
        self.written |= done.is_ok();
        match &done {
            Ok(()) => self.connection = Some(connection),
            Err(error) => {
                tracing::warn!(%error, "a write to the database failed");
                if sql::rollback(&mut connection.inner).await.is_ok() {
                    self.connection = Some(connection);
                }
            }
        }
        done
    }

    async fn tidy(&mut self) {
        self.flush_touched().await;
        if std::mem::take(&mut self.written)
            && let Some(connection) = &mut self.connection
            && let Err(error) = sql::checkpoint(&mut connection.inner).await
        {
            // The log stays, and grows until it can be moved.
            tracing::warn!(%error, "the log cannot be moved into the database");
        }
    }

    async fn flush_touched(&mut self) {
        let touched = lock(&self.memory.view).take_touched();
        for chunk in touched.chunks(BATCH) {
            // A lost last use costs an order of trying after a restart, nothing else.
            if let Ok(mut connection) = self.begin(Safety::Disk).await {
                let done = sql::touch_bindings(&mut connection.inner, chunk).await;
                drop(self.end(connection, done).await);
            }
        }
    }

    async fn purge_or_warn(&mut self, before: Result<(), StoreError>) {
        let done = match before {
            Ok(()) => self.purge().await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
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
    async fn purge(&mut self) -> Result<(), StoreError> {
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
        let mut connection = self.begin(Safety::Disk).await?;
        let done = async {
            sql::forget_nonces(&mut connection.inner, horizon).await?;
            secret::set_horizon(&mut connection.inner, horizon).await?;
            if let Some(key) = &new_key {
                key.save(&mut connection.inner).await?;
            }
            sql::delete_bindings(&mut connection.inner, &bindings).await?;
            sql_privacy::forget(&mut connection.inner, deeds).await?;
            sql_sessions::forget(&mut connection.inner, sessions).await
        }
        .await;
        self.end(connection, done).await?;

        lock(&self.memory.view).forget(ended);
        lock(&self.memory.nonces).forget(horizon);
        if let Some(key) = new_key {
            tracing::warn!("the clock was set back: challenges issued before are void");
            *lock(&self.memory.nonce_key) = key;
        }
        Ok(())
    }
}
