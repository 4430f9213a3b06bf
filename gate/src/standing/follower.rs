//! Polls the source of standing and publishes the latest finding.

use std::time::{Duration, Instant, SystemTime};

use service_runtime::polling::{self, CHANGE_CHECK_INTERVAL, PollBackoff};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    LatestFinding, Standing, StandingError, StandingFinding, StandingQuery, StandingSource, StandingState,
};
use crate::refusal::Refusal;

/// Polls standing.
#[derive(Debug)]
pub struct StandingFollower {
    source: StandingSource,
    interval: Duration,
    known: watch::Sender<StandingState>,
}

impl StandingFollower {
    /// Creates a follower and the handle of its findings. A finding is valid for `max_age`.
    pub fn new(source: StandingSource, interval: Duration, max_age: Duration) -> (Self, Standing) {
        let (known, receiver) =
            watch::channel(StandingState { last: None, trouble: None, since: SystemTime::now() });
        let unknown: Refusal = source.unknown();
        (Self { source, interval, known }, Standing { known: receiver, max_age, unknown })
    }

    /// Polls until `stop`. `question` returns the node and its plans, once known and while policy requires standing.
    pub async fn run(self, question: impl Fn() -> Option<StandingQuery>, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow(question) => {}
        }
    }

    async fn follow(&self, question: impl Fn() -> Option<StandingQuery>) {
        let (mut backoff, mut of) = (PollBackoff::new(self.interval), None);
        loop {
            let query = question();
            if query != of {
                // A finding about another node or other plans does not apply.
                self.reset(query.is_some());
                of.clone_from(&query);
            }
            let wait = match &query {
                None => CHANGE_CHECK_INTERVAL,
                Some(query) => {
                    let before = self.known.borrow().last.as_ref().map(|last| last.finding.clone());
                    let answer = self.source.read_standing(query, before.as_ref()).await;
                    let wait = backoff.next_delay(answer.is_ok());
                    match answer {
                        Ok(finding) => self.record_finding(finding, query),
                        Err(error) => self.record_failure(&error),
                    }
                    wait
                }
            };
            polling::sleep_unless_changed(wait, || question() == query).await;
        }
    }

    fn reset(&self, has_query: bool) {
        let trouble = (!has_query).then(|| "the node has not reported its address yet".to_owned());
        self.known.send_replace(StandingState { last: None, trouble, since: SystemTime::now() });
    }

    fn record_finding(&self, finding: StandingFinding, query: &StandingQuery) {
        metrics::gauge!("sovereign_gate_standing_up").set(1.0);
        let fault = finding.first_fault(&query.plans);
        metrics::gauge!("sovereign_gate_good_standing").set(if fault.is_none() { 1.0 } else { 0.0 });
        self.known.send_modify(|known| {
            if known.last.as_ref().map(|last| &last.finding) != Some(&finding) {
                match &fault {
                    None => tracing::info!(node = %query.node, "the node is in good standing"),
                    Some(fault) => {
                        tracing::warn!(node = %query.node, %fault, "the node is not in good standing");
                    }
                }
                known.since = SystemTime::now();
            }
            *known = StandingState {
                last: Some(LatestFinding { finding, read: Instant::now() }),
                trouble: None,
                since: known.since,
            };
        });
    }

    /// Records a failure. The previous finding stays valid until its maximum age.
    fn record_failure(&self, error: &StandingError) {
        metrics::gauge!("sovereign_gate_standing_up").set(0.0);
        tracing::warn!(%error, "standing cannot be read, the latest finding stays valid until its maximum age");
        self.known.send_modify(|known| known.trouble = Some(error.to_string()));
    }
}
