//! Reads governance again and again, and keeps the last good answer.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::FixedBytes;
use sovereign_contracts::reader::{At, Reader};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Contracts, Governance, Governed, Known, Unusable};
use crate::rhythm::{self, Rhythm};

/// Follows the contracts.
pub struct Follower {
    contracts: Contracts,
    reader: Arc<Reader>,
    interval: Duration,
    known: watch::Sender<Known>,
}

impl Follower {
    /// A follower, and what it will have read.
    pub fn new(contracts: Contracts, reader: Arc<Reader>, interval: Duration) -> (Self, Governance) {
        let (known, receiver) = watch::channel(Known::Nothing("not asked yet".to_owned()));
        (Self { contracts, reader, interval, known }, Governance(receiver))
    }

    /// Reads until `stop`. `node` says who is behind this gate, once that is known; `apply` hears of every change
    /// before anybody else does, and once more after that.
    pub async fn run(
        self,
        node: impl Fn() -> Option<FixedBytes<20>>,
        apply: impl Fn(&Governed) -> Result<(), String>,
        stop: CancellationToken,
    ) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow(node, apply) => {}
        }
    }

    async fn follow(
        &self,
        node: impl Fn() -> Option<FixedBytes<20>>,
        apply: impl Fn(&Governed) -> Result<(), String>,
    ) {
        let mut rhythm = Rhythm::every(self.interval);
        let mut applied = true;
        loop {
            let asked = node();
            let taken = self.read(asked).await.and_then(|governed| self.take(governed, &mut applied, &apply));
            let wait = rhythm.after(taken.is_ok());
            match taken {
                Ok(()) => metrics::gauge!("sovereign_gate_governance_up").set(1.0),
                Err(error) => self.complain(&error),
            }
            // The node's own entry on the blacklist is asked for as soon as it is known who the node is.
            rhythm::pause(wait, || node() == asked).await;
        }
    }

    async fn read(&self, node: Option<FixedBytes<20>>) -> Result<Governed, Unusable> {
        let snapshot = self.reader.read(&self.contracts.calls(node), At::Latest).await?;
        self.contracts.read(&snapshot.results)
    }

    /// What cannot be applied is tried again at the next look, whether or not anything has changed by then.
    fn take(
        &self,
        governed: Governed,
        applied: &mut bool,
        apply: impl Fn(&Governed) -> Result<(), String>,
    ) -> Result<(), Unusable> {
        let known = matches!(&*self.known.borrow(), Known::Last(last) if **last == governed);
        if !(known && *applied) {
            let mut done = apply(&governed);
            if !known {
                tracing::info!(
                    revision = governed.revision,
                    paused = governed.paused_until.is_some(),
                    blacklisted = governed.node_blacklisted,
                    credential_ttl = governed.credential_ttl.as_secs(),
                    devices = ?(governed.free_devices, governed.paid_devices),
                    collections = governed.collections.len(),
                    "governance has changed"
                );
                let governed = Arc::new(governed);
                self.known.send_replace(Known::Last(Arc::clone(&governed)));
                // A reload in between went by what was known before.
                done = done.and_then(|()| apply(&governed));
            }
            *applied = done.is_ok();
            done.map_err(Unusable::Refused)?;
        }
        Ok(())
    }

    /// What was read before stays.
    fn complain(&self, error: &Unusable) {
        metrics::gauge!("sovereign_gate_governance_up").set(0.0);
        tracing::warn!(%error, "governance cannot be followed, what was good last counts");
        self.known.send_if_modified(|known| match known {
            Known::Nothing(why) => {
                *why = error.to_string();
                true
            }
            Known::Ungoverned | Known::Last(_) => false,
        });
    }
}
