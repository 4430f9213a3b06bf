//! Reads that would be too many calls are made together: whoever finds no call left waits for the next one, and
//! takes everybody along who waits by then.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::call::{At, Request, Snapshot};
use super::error::ReadError;
use super::rate_limiter::RateLimiter;
use super::{Reader, ReaderConfig};

/// Reads in one call at most.
const MAX_BATCH_READS: usize = 64;

#[derive(Debug)]
pub(super) struct CallBatcher {
    pace: RateLimiter,
    gas: u64,
    waiting: Mutex<VecDeque<QueuedRead>>,
    /// Held by the one who waits for the next call.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct QueuedRead {
    request: Request,
    deadline: Instant,
    answer: oneshot::Sender<ReadOutcome>,
}

#[derive(Debug)]
enum ReadOutcome {
    Result(Result<Snapshot, ReadError>),
    /// This read used more gas than it should: it gets a call of its own.
    AskAlone,
    /// The company is to blame.
    AskAgain,
}

impl CallBatcher {
    pub(super) fn new(config: &ReaderConfig) -> Self {
        // The rest is for what the estimates miss.
        let gas = config.gas / 4 * 3;
        let pace = RateLimiter::new(config.calls_per_second);
        Self { pace, gas, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    pub(super) async fn read(
        &self,
        reader: &Reader,
        request: &Request,
        at: At,
        deadline: Instant,
    ) -> Result<Snapshot, ReadError> {
        let nobody_waits = self.waiting().is_empty();
        if nobody_waits && self.pace.try_acquire() {
            return reader.read_alone(request, at, deadline).await;
        }
        let too_late = |_| ReadError::Timeout("too many reads at once".to_owned());
        let alone = async {
            self.pace.acquire().await;
            reader.read_alone(request, at, deadline).await
        };
        if at != At::Latest || request.gas == 0 || request.gas > self.gas {
            return timeout_at(deadline, alone).await.map_err(too_late)?;
        }
        match timeout_at(deadline, self.read_in_batch(reader, request, deadline)).await.map_err(too_late)? {
            ReadOutcome::Result(result) => result,
            ReadOutcome::AskAlone | ReadOutcome::AskAgain => {
                timeout_at(deadline, alone).await.map_err(too_late)?
            }
        }
    }

    async fn read_in_batch(&self, reader: &Reader, request: &Request, deadline: Instant) -> ReadOutcome {
        loop {
            let (answer, mut told) = oneshot::channel();
            self.waiting().push_back(QueuedRead { request: request.clone(), deadline, answer });
            loop {
                let told = tokio::select! {
                    biased;
                    told = &mut told => told,
                    turn = self.turn.lock() => tokio::select! {
                        biased;
                        told = &mut told => told,
                        () = self.pace.acquire() => {
                            let batch = self.next_batch();
                            drop(turn);
                            run(reader, batch).await;
                            continue;
                        }
                    },
                };
                match told {
                    // Or whoever made the call gave up.
                    Ok(ReadOutcome::AskAgain) | Err(_) => break,
                    Ok(told) => return told,
                }
            }
        }
    }

    /// Those who waited longest, as many as one call has gas for.
    fn next_batch(&self) -> Vec<QueuedRead> {
        let mut waiting = self.waiting();
        let mut batch = Vec::new();
        let mut gas = 0;
        while let Some(next) = waiting.front() {
            gas += next.request.gas;
            if batch.len() == MAX_BATCH_READS || (gas > self.gas && !batch.is_empty()) {
                break;
            }
            // Who gave up meanwhile costs nothing.
            if next.answer.is_closed() {
                gas -= next.request.gas;
                waiting.pop_front();
            } else {
                batch.extend(waiting.pop_front());
            }
        }
        batch
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<QueuedRead>> {
        // A queue is whole between two calls of its methods.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(reader: &Reader, batch: Vec<QueuedRead>) {
    let Some(deadline) = batch.iter().map(|waiting| waiting.deadline).max() else { return };
    let requests: Vec<_> = batch.iter().map(|waiting| &waiting.request).collect();
    let result = reader.read_all(&requests, At::Latest, deadline).await;
    let is_shared = batch.len() > 1;
    let told: Vec<_> = match result {
        Ok(snapshots) => {
            // Bundles run one after the other, so the first that failed used up the gas of the rest.
            let mut batch_failed = false;
            let told = |snapshot: Snapshot| match (snapshot.fragile.is_none() && is_shared, batch_failed) {
                (false, _) => ReadOutcome::Result(Ok(snapshot)),
                (true, true) => ReadOutcome::AskAgain,
                (true, false) => {
                    batch_failed = true;
                    ReadOutcome::AskAlone
                }
            };
            snapshots.into_iter().map(told).collect()
        }
        Err(ReadError::Execution(_)) if is_shared => batch.iter().map(|_| ReadOutcome::AskAlone).collect(),
        Err(error) => batch.iter().map(|_| ReadOutcome::Result(Err(error.clone()))).collect(),
    };
    for (waiting, told) in batch.into_iter().zip(told) {
        // Who gave up meanwhile needs no answer.
        let _ = waiting.answer.send(told);
    }
}
