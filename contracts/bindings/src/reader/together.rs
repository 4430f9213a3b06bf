//! Reads that would be too many calls are made together: whoever finds no call left waits for the next one, and
//! takes everybody along who waits by then.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::call::{At, Request, Snapshot};
use super::error::ReadError;
use super::pace::Pace;
use super::{Reader, ReaderConfig};

/// Reads in one call at most.
const MOST: usize = 64;

#[derive(Debug)]
pub(super) struct Together {
    pace: Pace,
    gas: u64,
    waiting: Mutex<VecDeque<Waiting>>,
    /// Held by the one who waits for the next call.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    deadline: Instant,
    answer: oneshot::Sender<Told>,
}

#[derive(Debug)]
enum Told {
    Result(Result<Snapshot, ReadError>),
    /// This read used more gas than it should: it gets a call of its own.
    AskAlone,
    /// The company is to blame.
    AskAgain,
}

impl Together {
    pub(super) fn new(config: &ReaderConfig) -> Self {
        // The rest is for what the estimates miss.
        let gas = config.gas / 4 * 3;
        let pace = Pace::new(config.calls_per_second);
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
        if nobody_waits && self.pace.try_take() {
            return reader.read_alone(request, at, deadline).await;
        }
        let too_late = |_| ReadError::Timeout("too many reads at once".to_owned());
        let alone = async {
            self.pace.take().await;
            reader.read_alone(request, at, deadline).await
        };
        if at != At::Latest || request.gas == 0 || request.gas > self.gas {
            return timeout_at(deadline, alone).await.map_err(too_late)?;
        }
        match timeout_at(deadline, self.in_company(reader, request, deadline)).await.map_err(too_late)? {
            Told::Result(result) => result,
            Told::AskAlone | Told::AskAgain => timeout_at(deadline, alone).await.map_err(too_late)?,
        }
    }

    async fn in_company(&self, reader: &Reader, request: &Request, deadline: Instant) -> Told {
        loop {
            let (answer, mut told) = oneshot::channel();
            self.waiting().push_back(Waiting { request: request.clone(), deadline, answer });
            loop {
                let told = tokio::select! {
                    biased;
                    told = &mut told => told,
                    turn = self.turn.lock() => tokio::select! {
                        biased;
                        told = &mut told => told,
                        () = self.pace.take() => {
                            let batch = self.next_batch();
                            drop(turn);
                            run(reader, batch).await;
                            continue;
                        }
                    },
                };
                match told {
                    // Or whoever made the call gave up.
                    Ok(Told::AskAgain) | Err(_) => break,
                    Ok(told) => return told,
                }
            }
        }
    }

    /// Those who waited longest, as many as one call has gas for.
    fn next_batch(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let mut batch = Vec::new();
        let mut gas = 0;
        while let Some(next) = waiting.front() {
            gas += next.request.gas;
            if batch.len() == MOST || (gas > self.gas && !batch.is_empty()) {
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

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // A queue is whole between two calls of its methods.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(reader: &Reader, batch: Vec<Waiting>) {
    let Some(deadline) = batch.iter().map(|waiting| waiting.deadline).max() else { return };
    let requests: Vec<_> = batch.iter().map(|waiting| &waiting.request).collect();
    let result = reader.read_all(&requests, At::Latest, deadline).await;
    let company = batch.len() > 1;
    let told: Vec<_> = match result {
        Ok(snapshots) => {
            // Bundles run one after the other, so the first that failed used up the gas of the rest.
            let mut spoilt = false;
            let told = |snapshot: Snapshot| match (snapshot.fragile.is_none() && company, spoilt) {
                (false, _) => Told::Result(Ok(snapshot)),
                (true, true) => Told::AskAgain,
                (true, false) => {
                    spoilt = true;
                    Told::AskAlone
                }
            };
            snapshots.into_iter().map(told).collect()
        }
        Err(ReadError::Execution(_)) if company => batch.iter().map(|_| Told::AskAlone).collect(),
        Err(error) => batch.iter().map(|_| Told::Result(Err(error.clone()))).collect(),
    };
    for (waiting, told) in batch.into_iter().zip(told) {
        // Who gave up meanwhile needs no answer.
        let _ = waiting.answer.send(told);
    }
}
