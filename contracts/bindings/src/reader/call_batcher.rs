//! Batches reads that exceed the rate limit: the leader, a read that waits for the next permitted call, takes all reads
//! along that are queued by then.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::call::{BlockTag, ReadRequest, Snapshot};
use super::error::ReadError;
use super::rate_limiter::RateLimiter;
use super::{Reader, ReaderConfig};

/// Maximum reads per call.
const MAX_BATCH_READS: usize = 64;

#[derive(Debug)]
pub(super) struct CallBatcher {
    rate_limiter: RateLimiter,
    gas: u64,
    queue: Mutex<VecDeque<QueuedRead>>,
    /// Held by the read that waits for the next permitted call.
    leader: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct QueuedRead {
    request: ReadRequest,
    deadline: Instant,
    answer: oneshot::Sender<ReadOutcome>,
}

#[derive(Debug)]
enum ReadOutcome {
    Result(Result<Snapshot, ReadError>),
    /// The read used more gas than estimated: it is repeated in a call of its own.
    RetryAlone,
    /// Another read made the batch fail.
    RetryInBatch,
}

impl CallBatcher {
    pub(super) fn new(config: &ReaderConfig) -> Self {
        // A quarter is a reserve for wrong estimates.
        let gas = config.gas / 4 * 3;
        let pace = RateLimiter::new(config.calls_per_second);
        Self { rate_limiter: pace, gas, queue: Mutex::default(), leader: tokio::sync::Mutex::default() }
    }

    pub(super) async fn read(
        &self,
        reader: &Reader,
        request: &ReadRequest,
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Snapshot, ReadError> {
        let nobody_waits = self.waiting().is_empty();
        if nobody_waits && self.rate_limiter.try_acquire() {
            return reader.read_alone(request, at, deadline).await;
        }
        let too_late = |_| ReadError::Timeout("too many reads at once".to_owned());
        let alone = async {
            self.rate_limiter.acquire().await;
            reader.read_alone(request, at, deadline).await
        };
        if at != BlockTag::Latest || request.gas_estimate == 0 || request.gas_estimate > self.gas {
            return timeout_at(deadline, alone).await.map_err(too_late)?;
        }
        match timeout_at(deadline, self.read_in_batch(reader, request, deadline)).await.map_err(too_late)? {
            ReadOutcome::Result(result) => result,
            ReadOutcome::RetryAlone | ReadOutcome::RetryInBatch => {
                timeout_at(deadline, alone).await.map_err(too_late)?
            }
        }
    }

    async fn read_in_batch(&self, reader: &Reader, request: &ReadRequest, deadline: Instant) -> ReadOutcome {
        loop {
            let (answer, mut told) = oneshot::channel();
            self.waiting().push_back(QueuedRead { request: request.clone(), deadline, answer });
            loop {
                let told = tokio::select! {
                    biased;
                    told = &mut told => told,
                    turn = self.leader.lock() => tokio::select! {
                        biased;
                        told = &mut told => told,
                        () = self.rate_limiter.acquire() => {
                            let batch = self.next_batch();
                            drop(turn);
                            run(reader, batch).await;
                            continue;
                        }
                    },
                };
                match told {
                    // Or the leader was dropped.
                    Ok(ReadOutcome::RetryInBatch) | Err(_) => break,
                    Ok(told) => return told,
                }
            }
        }
    }

    /// Takes the oldest queued reads, up to the gas of one call.
    fn next_batch(&self) -> Vec<QueuedRead> {
        let mut waiting = self.waiting();
        let mut batch = Vec::new();
        let mut gas = 0;
        while let Some(next) = waiting.front() {
            gas += next.request.gas_estimate;
            if batch.len() == MAX_BATCH_READS || (gas > self.gas && !batch.is_empty()) {
                break;
            }
            // A dropped read needs no gas.
            if next.answer.is_closed() {
                gas -= next.request.gas_estimate;
                waiting.pop_front();
            } else {
                batch.extend(waiting.pop_front());
            }
        }
        batch
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<QueuedRead>> {
        // Poisoning is harmless: no partial state is visible.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(reader: &Reader, batch: Vec<QueuedRead>) {
    let Some(deadline) = batch.iter().map(|waiting| waiting.deadline).max() else { return };
    let requests: Vec<_> = batch.iter().map(|waiting| &waiting.request).collect();
    let result = reader.read_all(&requests, BlockTag::Latest, deadline).await;
    let is_shared = batch.len() > 1;
    let told: Vec<_> = match result {
        Ok(snapshots) => {
            // Bundles run one after the other, so the first that failed used up the gas of the rest.
            let mut batch_failed = false;
            let told =
                |snapshot: Snapshot| match (snapshot.isolated_results.is_none() && is_shared, batch_failed) {
                    (false, _) => ReadOutcome::Result(Ok(snapshot)),
                    (true, true) => ReadOutcome::RetryInBatch,
                    (true, false) => {
                        batch_failed = true;
                        ReadOutcome::RetryAlone
                    }
                };
            snapshots.into_iter().map(told).collect()
        }
        Err(ReadError::Execution(_)) if is_shared => batch.iter().map(|_| ReadOutcome::RetryAlone).collect(),
        Err(error) => batch.iter().map(|_| ReadOutcome::Result(Err(error.clone()))).collect(),
    };
    for (waiting, told) in batch.into_iter().zip(told) {
        // A dropped read needs no answer.
        let _ = waiting.answer.send(told);
    }
}
