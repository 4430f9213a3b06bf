//! Admission: from the bytes of a handshake to the right to forward it.
//!
//! `bytes → Parsed → Verified → Bound → Entitled → Admitted`: see [`states`]. A session that is not on the
//! hub ends as [`NoSession`], which is the node's to refuse.

pub mod decide;
pub mod path;
mod places;
pub mod policy;
mod question;
mod reconsider;
pub mod sessions;
pub mod states;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use alloy::primitives::Address;
use bytes::Bytes;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::Service;
use sentinel_proto::hub::SessionKind;

use self::decide::{By, Candidate, Finding, SessionFinding};
pub use self::policy::Policy;
pub use self::reconsider::{Basis, Verdict};
pub use self::sessions::Sessions;
pub use self::states::{Admitted, Grant, NoSession, Outcome, Verified};
use self::states::{NotAdmitted, Parsed};
use crate::access::{Access, Tier};
use crate::enforce::Evictor;
use crate::governance::Governance;
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::store::clock::Clock;
use crate::store::{SessionState, Store};

/// The tier of those who pass by the operator's list, in records and metrics.
pub const PROBE: &str = "probe";

/// Decides on handshakes.
pub struct Admission {
    access: Arc<Access>,
    sessions: Arc<Sessions>,
    store: Store,
    policy: RwLock<Arc<Policy>>,
    evictor: Arc<Evictor>,
    clock: Arc<dyn Clock>,
    terms: Terms,
    governance: Governance,
    standing: Standing,
}

/// What an admission says and how long it lasts.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Where to sign in, for the sentence that says so.
    pub sign_in: String,
    /// How long an admission without a sign-in lasts, by the key's own address or as a probe, unless governed.
    pub without_binding: Duration,
}

impl Admission {
    /// A decision maker on these sources.
    pub fn new(
        access: Arc<Access>,
        sessions: Arc<Sessions>,
        store: Store,
        policy: Policy,
        evictor: Arc<Evictor>,
        clock: Arc<dyn Clock>,
        terms: Terms,
    ) -> Self {
        let policy = RwLock::new(Arc::new(policy));
        let (governance, standing) = (Governance::none(), Standing::none());
        Self { access, sessions, store, policy, evictor, clock, terms, governance, standing }
    }

    /// The same, where the contracts have a say.
    #[must_use]
    pub fn governed(self, governance: Governance) -> Self {
        Self { governance, ..self }
    }

    /// The same, where the node's own standing has one.
    #[must_use]
    pub fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// The operator's policy.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The operator's policy is this one from now on.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Reads and verifies the bytes of a handshake for `service`.
    pub fn verify(&self, body: Bytes, service: Service) -> Result<Verified, Refusal> {
        Parsed::parse(body, service)?.verify()
    }

    /// Decides on a verified handshake.
    pub async fn decide(&self, verified: Verified) -> Result<Outcome, Refusal> {
        let policy = self.policy();
        let denied = policy.denies_account(&verified.account());
        if !denied && policy.is_probe(&verified.account()) {
            return verified.admit_probe(self).await.map(|admitted| Outcome::Admitted(Box::new(admitted)));
        }
        // Probes are not business: the node is measured by them, whether it takes holders now or not.
        if self.store.paused().is_some() && !self.is_live(&verified) {
            return Err(Refusal::Paused);
        }
        if let Some(refusal) = self.governance.refusal(self.clock.unix()) {
            return Err(refusal);
        }
        let mut bound = verified.bind(self)?;
        if denied {
            return Err(bound.denied());
        }
        loop {
            match bound.entitle(self).await?.admit(self).await {
                Ok(outcome) => return Ok(outcome),
                Err(NotAdmitted::Full(next)) => bound = *next,
                Err(NotAdmitted::Refused(refusal)) => return Err(refusal),
            }
        }
    }

    /// Devices at a time for a holder of `tier` whose session is of `plan`, if of any.
    pub fn devices(&self, tier: Tier, plan: Option<u64>) -> u32 {
        let policy = self.policy();
        match plan.and_then(|plan| policy.plan_devices(tier, plan)) {
            Some(own) => self.governance.plan_devices(tier, own),
            None => self.governance.devices(tier, policy.devices(tier)),
        }
    }

    /// Why a session of this kind is not let in by this node now, if so. Who is in already stays.
    fn in_bad_standing(&self, verified: &Verified, kind: SessionKind) -> Option<Refusal> {
        match kind {
            SessionKind::Plan(plan) if self.policy().requires_standing() && !self.is_live(verified) => {
                self.standing.refusal(plan)
            }
            SessionKind::Plan(_) | SessionKind::Direct => None,
        }
    }

    /// What keeps the node from taking sessions of a plan, and since when; if so, and if policy asks for it.
    pub fn standing_problem(&self) -> Option<(String, SystemTime)> {
        let policy = self.policy();
        policy.requires_standing().then(|| self.standing.problem(&policy.plans())).flatten()
    }

    /// Whether this handshake was admitted already and its peer is in the tunnel.
    fn is_live(&self, verified: &Verified) -> bool {
        let record = self.store.session(verified.session_id());
        record.is_some_and(|record| record.state == SessionState::Live && verified.is_of(&record))
    }

    /// Whether the hub answers, as far as is known without asking.
    pub fn hub_is_up(&self) -> bool {
        self.sessions.health().is_up()
    }

    /// Notes that the node has taken a handshake: the binding behind it comes first from now on.
    pub fn note_used(&self, grant: &Grant) {
        if let Grant::Card { candidate: Candidate { by: By::Binding(key), .. }, .. } = grant {
            self.store.touch(key);
        }
    }

    /// Live sign-ins of `account` and the address of its own key; and what to say if none of them helps.
    fn candidates(&self, account: &AccountAddress, own_key: Option<Address>) -> (Vec<Candidate>, Refusal) {
        let now = self.clock.unix();
        let (expired, live): (Vec<_>, Vec<_>) =
            self.store.bindings_of(account).into_iter().partition(|binding| binding.expired(now));
        let mut candidates: Vec<_> = live
            .iter()
            .map(|binding| Candidate {
                wallet: binding.wallet,
                vault_hint: binding.vault,
                by: By::Binding(binding.key()),
            })
            .collect();
        candidates.extend(own_key.map(|wallet| Candidate { wallet, vault_hint: None, by: By::OwnKey }));
        let (account, sign_in) = (account.to_string(), self.terms.sign_in.clone());
        let unbound = if expired.is_empty() {
            Refusal::Unbound { account, sign_in }
        } else {
            Refusal::BindingExpired { account, sign_in }
        };
        (candidates, unbound)
    }

    /// What Ethereum says of a candidate.
    async fn finding(&self, candidate: &Candidate) -> Finding {
        let Candidate { wallet, vault_hint, .. } = *candidate;
        if let Some(known) = self.access.known(wallet, vault_hint).await {
            return Some(known);
        }
        path::asks();
        match self.access.entitlement(wallet, vault_hint).await {
            Ok(entitlement) => Some(entitlement),
            Err(error) => {
                tracing::warn!(%error, "Ethereum cannot be asked for a wallet's cards");
                None
            }
        }
    }

    /// What the hub says of a session.
    async fn session(&self, id: u64) -> SessionFinding {
        match self.sessions.get(id).await {
            Ok(Some(session)) => SessionFinding::Kind(session.kind),
            Ok(None) => SessionFinding::Missing,
            Err(error) => {
                tracing::warn!(%error, session = id, "the hub cannot be asked for a session");
                SessionFinding::Unavailable
            }
        }
    }

    /// Bindings that hold nothing are tried after the others from now on.
    fn note_in_vain(&self, findings: &[(Candidate, Finding)]) {
        for (candidate, finding) in findings {
            if finding.as_ref().is_some_and(|found| found.tier == Tier::Denied) {
                self.note_full(candidate);
            }
        }
    }

    fn note_full(&self, candidate: &Candidate) {
        if let By::Binding(key) = &candidate.by {
            self.store.mark_refused(key);
        }
    }

    /// A session has left the hub: its key and device are free.
    async fn forget(&self, session: u64) {
        if let Err(error) = self.store.end_session(session).await {
            tracing::warn!(%error, session, "cannot note that a session has ended");
        }
    }
}
