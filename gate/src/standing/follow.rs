//! Asks the source again and again, and keeps its last word.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Finding, Known, Last, Question, Source, Standing, Unread};
use crate::refusal::Refusal;
use crate::rhythm::{self, NOTICE, Rhythm};

/// Follows standing.
#[derive(Debug)]
pub struct Follower {
    source: Source,
    interval: Duration,
    known: watch::Sender<Known>,
}

impl Follower {
    /// A follower, and what it will have read. What was read counts for `max_age`.
    pub fn new(source: Source, interval: Duration, max_age: Duration) -> (Self, Standing) {
        let (known, receiver) = watch::channel(Known { last: None, trouble: None, since: SystemTime::now() });
        let unknown: Refusal = source.unknown();
        (Self { source, interval, known }, Standing { known: receiver, max_age, unknown })
    }

    /// Reads until `stop`. `question` says who is asked about, once that is known and while policy asks for it.
    pub async fn run(self, question: impl Fn() -> Option<Question>, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow(question) => {}
        }
    }

    async fn follow(&self, question: impl Fn() -> Option<Question>) {
        let (mut rhythm, mut of) = (Rhythm::every(self.interval), None);
        loop {
            let asked = question();
            if asked != of {
                // What was said of another node, or of other plans, says nothing.
                self.forget(asked.is_some());
                of.clone_from(&asked);
            }
            let wait = match &asked {
                None => NOTICE,
                Some(asked) => {
                    let before = self.known.borrow().last.as_ref().map(|last| last.finding.clone());
                    let answer = self.source.ask(asked, before.as_ref()).await;
                    let wait = rhythm.after(answer.is_ok());
                    match answer {
                        Ok(finding) => self.take(finding, asked),
                        Err(error) => self.complain(&error),
                    }
                    wait
                }
            };
            rhythm::pause(wait, || question() == asked).await;
        }
    }

    fn forget(&self, somebody: bool) {
        let trouble = (!somebody).then(|| "the node has not told yet who it is".to_owned());
        self.known.send_replace(Known { last: None, trouble, since: SystemTime::now() });
    }

    fn take(&self, finding: Finding, asked: &Question) {
        metrics::gauge!("sovereign_gate_standing_up").set(1.0);
        let fault = finding.first_fault(&asked.plans);
        metrics::gauge!("sovereign_gate_good_standing").set(if fault.is_none() { 1.0 } else { 0.0 });
        self.known.send_modify(|known| {
            if known.last.as_ref().map(|last| &last.finding) != Some(&finding) {
                match &fault {
                    None => tracing::info!(node = %asked.node, "the node is in good standing"),
                    Some(fault) => {
                        tracing::warn!(node = %asked.node, %fault, "the node is not in good standing");
                    }
                }
                known.since = SystemTime::now();
            }
            *known = Known {
                last: Some(Last { finding, read: Instant::now() }),
                trouble: None,
                since: known.since,
            };
        });
    }

    /// What was read before stays, for its time.
    fn complain(&self, error: &Unread) {
        metrics::gauge!("sovereign_gate_standing_up").set(0.0);
        tracing::warn!(%error, "standing cannot be read, what was read last counts for a while");
        self.known.send_modify(|known| known.trouble = Some(error.to_string()));
    }
}
