//! Polls governance and publishes the latest valid policy.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::FixedBytes;
use service_runtime::polling::{self, PollBackoff};
use sovereign_contracts::reader::{BlockTag, Reader};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Governance, GovernanceContracts, GovernanceError, GovernanceState, GovernedPolicy};

/// Polls the contracts.
pub struct GovernanceFollower {
    contracts: GovernanceContracts,
    reader: Arc<Reader>,
    interval: Duration,
    known: watch::Sender<GovernanceState>,
}

impl GovernanceFollower {
    /// Creates a follower and the handle of its policy.
    pub fn new(
        contracts: GovernanceContracts,
        reader: Arc<Reader>,
        interval: Duration,
    ) -> (Self, Governance) {
        let (known, receiver) = watch::channel(GovernanceState::Unread("not asked yet".to_owned()));
        (Self { contracts, reader, interval, known }, Governance(receiver))
    }

    /// Polls until `stop`. `node` returns the address of the node behind this gate, once known. `apply` is called with
    /// every change before it is published, and once more after that.
    pub async fn run(
        self,
        node: impl Fn() -> Option<FixedBytes<20>>,
        apply: impl Fn(&GovernedPolicy) -> Result<(), String>,
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
        apply: impl Fn(&GovernedPolicy) -> Result<(), String>,
    ) {
        let mut backoff = PollBackoff::new(self.interval);
        let mut applied = true;
        loop {
            let asked = node();
            let taken =
                self.read(asked).await.and_then(|governed| self.accept(governed, &mut applied, &apply));
            let wait = backoff.next_delay(taken.is_ok());
            match taken {
                Ok(()) => metrics::gauge!("sovereign_gate_governance_up").set(1.0),
                Err(error) => self.record_failure(&error),
            }
            // As soon as the node is known, its blacklist entry is read.
            polling::sleep_unless_changed(wait, || node() == asked).await;
        }
    }

    async fn read(&self, node: Option<FixedBytes<20>>) -> Result<GovernedPolicy, GovernanceError> {
        let snapshot = self.reader.read(&self.contracts.calls(node), BlockTag::Latest).await?;
        self.contracts.read(&snapshot.results)
    }

    /// Applies and publishes a policy. A failed application is repeated at the next poll, even if nothing changed.
    fn accept(
        &self,
        governed: GovernedPolicy,
        applied: &mut bool,
        apply: impl Fn(&GovernedPolicy) -> Result<(), String>,
    ) -> Result<(), GovernanceError> {
        let known = matches!(&*self.known.borrow(), GovernanceState::Current(last) if **last == governed);
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
                self.known.send_replace(GovernanceState::Current(Arc::clone(&governed)));
                // A reload in between used the previous policy.
                done = done.and_then(|()| apply(&governed));
            }
            *applied = done.is_ok();
            done.map_err(GovernanceError::Rejected)?;
        }
        Ok(())
    }

    /// Records a failure. The previous policy stays in force.
    fn record_failure(&self, error: &GovernanceError) {
        metrics::gauge!("sovereign_gate_governance_up").set(0.0);
        tracing::warn!(%error, "governance cannot be read, the latest valid policy stays in force");
        self.known.send_if_modified(|known| match known {
            GovernanceState::Unread(why) => {
                *why = error.to_string();
                true
            }
            GovernanceState::NotConfigured | GovernanceState::Current(_) => false,
        });
    }
}
