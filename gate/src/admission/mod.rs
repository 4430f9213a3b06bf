//! Admission: from the bytes of a handshake to the right to forward it.
//!
//! `bytes → Parsed → Verified → Bound → Entitled → Admitted`: see [`states`]. A session that the account does not have on
//! the hub ends as [`NoSession`], which is the node's to refuse.

pub mod basis_choice;
mod basis_review;
mod claims;
pub mod decide;
pub mod decision_path;
pub mod policy;
mod reevaluation;
mod relocation;
mod session_evictor;
pub mod sessions;
pub mod states;
mod throwaway_handshake;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use alloy::primitives::Address;
use bytes::Bytes;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::Service;
use sentinel_proto::hub::{HubError, SessionKind, SessionStatus};

use self::basis_choice::{Inquiry, inquiries};
pub use self::basis_review::Verdict;
use self::decide::{AccountLink, Finding, SessionFinding};
pub use self::policy::AdmissionPolicy;
pub use self::reevaluation::RecordedBasis;
pub use self::session_evictor::{SessionEvictor, UpdateError};
pub use self::sessions::Sessions;
pub use self::states::{Admitted, Grant, NoSession, Outcome, Repeated, Verified};
use self::states::{HandshakeRights, NotAdmitted, Parsed};
use crate::access::{Access, Tier};
use crate::config::Config;
use crate::governance::Governance;
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::store::clock::{Clock, UnixTime};
use crate::store::{Binding, ClaimError, EvictionCause, Reservation, SessionClaim, SessionRecord, Store};

/// Tier label of accounts on the operator's probe list, in records and metrics.
pub const PROBE_TIER: &str = "probe";

/// Decides on handshakes.
pub struct Admission {
    access: Arc<Access>,
    sessions: Arc<Sessions>,
    store: Store,
    policy: RwLock<Arc<AdmissionPolicy>>,
    evictor: Arc<dyn SessionEvictor>,
    clock: Arc<dyn Clock>,
    settings: AdmissionSettings,
    governance: Governance,
    standing: Standing,
}

/// Settings of [`Admission`].
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// Sign-in page that refusals name.
    pub sign_in_url: String,
    /// Lifetime of an admission without a sign-in (by the handshake's own key, or as a probe), unless governance sets
    /// one.
    pub unbound_ttl: Duration,
}

/// Dependencies of [`Admission`].
pub struct AdmissionDeps {
    /// Card ownership and delegations.
    pub access: Arc<Access>,
    /// Sessions on the hub.
    pub sessions: Arc<Sessions>,
    /// Session records, bindings and claims.
    pub store: Store,
    /// Evicts sessions that conflict with a claim.
    pub evictor: Arc<dyn SessionEvictor>,
    /// Current time.
    pub clock: Arc<dyn Clock>,
}

impl From<&Config> for AdmissionSettings {
    fn from(config: &Config) -> Self {
        Self { sign_in_url: config.gate.sign_in_url(), unbound_ttl: config.binding.ttl }
    }
}

impl Admission {
    /// Creates an admission on these sources, without governance or standing.
    pub fn new(deps: AdmissionDeps, policy: AdmissionPolicy, settings: AdmissionSettings) -> Self {
        let AdmissionDeps { access, sessions, store, evictor, clock } = deps;
        let policy = RwLock::new(Arc::new(policy));
        let (governance, standing) = (Governance::none(), Standing::none());
        Self { access, sessions, store, policy, evictor, clock, settings, governance, standing }
    }

    /// Applies the policy of the contracts.
    #[must_use]
    pub fn governed(self, governance: Governance) -> Self {
        Self { governance, ..self }
    }

    /// Applies the node's own standing.
    #[must_use]
    pub fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// The operator's policy.
    pub fn policy(&self) -> Arc<AdmissionPolicy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the operator's policy.
    pub fn set_policy(&self, policy: AdmissionPolicy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Reads and verifies the bytes of a handshake for `service`.
    pub fn verify(&self, body: Bytes, service: Service) -> Result<Verified, Refusal> {
        Parsed::parse(body, service)?.verify()
    }

    /// Decides on a verified handshake.
    pub async fn decide(&self, verified: Verified) -> Result<Outcome, Refusal> {
        if self.evictor.is_server_key(&verified.peer().to_string()).await {
            return Err(Refusal::Malformed("data: the key is this node's own".to_owned()));
        }
        let policy = self.policy();
        let denied = policy.denies_account(&verified.account());
        let record = self.store.sessions().get(verified.session_id()).filter(|record| verified.is_of(record));
        let is_live = record.as_ref().is_some_and(|record| record.is_live());
        // Probes measure the node, so they pass also while governance refuses holders.
        let is_probe = policy.is_probe(&verified.account());
        if let Some(refusal) = self.governance.refusal(self.clock.unix()).filter(|_| denied || !is_probe) {
            return Err(refusal);
        }
        // A repeat takes no device slot; enforcement finds out what ends the right.
        if is_live && !denied {
            return Ok(Outcome::Repeated(Box::new(Repeated::new(verified))));
        }
        if is_probe && !denied {
            return verified.admit_probe(self).await.map(|admitted| Outcome::Admitted(Box::new(admitted)));
        }
        if self.store.pauses().current().is_some() && !is_live {
            return Err(Refusal::Paused);
        }
        // A session that cannot be restored needs no further query.
        let cause = record.as_ref().filter(|record| !record.is_live()).and_then(|record| record.cause);
        if let Some(why) = cause.and_then(EvictionCause::permanent_reason) {
            return Err(Refusal::TunnelOver(why));
        }
        let mut bound = verified.bind(self, Self::handshake_rights(record.as_deref()))?;
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

    /// Returns what a handshake may do, given the record of the same handshake if there is one.
    ///
    /// A repeat does not prove a request of the owner: recorded bytes look the same. So it moves and evicts no other
    /// session, and a session evicted by a device limit or a lockdown is restored only by a sign-in that is newer than
    /// the eviction.
    fn handshake_rights(record: Option<&SessionRecord>) -> HandshakeRights {
        let Some(record) = record else { return HandshakeRights::first() };
        match record.cause {
            Some(EvictionCause::DeviceLimit | EvictionCause::Lockdown) => {
                HandshakeRights::signed_in_after(record.evicted_at.unwrap_or(UnixTime::MAX))
            }
            _ => HandshakeRights::repeat(record.signed_in_after),
        }
    }

    /// Maximum devices of a holder of `tier`, for a session of `plan` if there is one.
    pub fn devices(&self, tier: Tier, plan: Option<u64>) -> u32 {
        let policy = self.policy();
        match plan.and_then(|plan| policy.plan_devices(tier, plan)) {
            Some(own) => self.governance.plan_devices(tier, own),
            None => self.governance.devices(tier, policy.devices(tier)),
        }
    }

    /// Refusal for a session of this kind because of the node's standing, if any.
    fn standing_refusal(&self, kind: SessionKind) -> Option<Refusal> {
        match kind {
            SessionKind::Plan(plan) if self.policy().requires_standing() => self.standing.refusal(plan),
            SessionKind::Plan(_) | SessionKind::Direct => None,
        }
    }

    /// Problem of the node's standing and its start, if policy requires standing.
    pub fn standing_problem(&self) -> Option<(String, SystemTime)> {
        let policy = self.policy();
        policy.requires_standing().then(|| self.standing.problem(&policy.plans())).flatten()
    }

    /// Whether the hub answered the last poll.
    pub fn is_hub_up(&self) -> bool {
        self.sessions.health().is_up()
    }

    /// Records that the node accepted a handshake: its binding is tried first from then on.
    pub fn touch_binding(&self, grant: &Grant) {
        if let Grant::Card { choice, .. } = grant
            && let AccountLink::Binding(key) = &choice.candidate.link
        {
            self.store.bindings().touch(key);
        }
    }

    /// Inquiries for an account in the order of choice, and the refusal if no wallet speaks for it. With
    /// `signed_in_after`, only sign-ins issued after that time count; the handshake's own key is no sign-in.
    fn inquiries(
        &self,
        account: &AccountAddress,
        own_key: Option<Address>,
        signed_in_after: Option<UnixTime>,
    ) -> (Vec<Inquiry>, Refusal) {
        self.inquiries_of(self.store.bindings().of_account(account), account, own_key, signed_in_after)
    }

    /// Inquiries for bindings of the account that were read already.
    fn inquiries_of(
        &self,
        bindings: Vec<Binding>,
        account: &AccountAddress,
        own_key: Option<Address>,
        signed_in_after: Option<UnixTime>,
    ) -> (Vec<Inquiry>, Refusal) {
        let now = self.clock.unix();
        let (expired, mut live): (Vec<_>, Vec<_>) =
            bindings.into_iter().partition(|binding| binding.expired(now));
        live.retain(|binding| signed_in_after.is_none_or(|after| binding.issued_at > after));
        let own_key = own_key.filter(|_| signed_in_after.is_none());
        let sessions = self.store.sessions().of_account(account);
        let newest = sessions.iter().max_by_key(|record| (record.admitted_at, record.session_id));
        let inquiries = inquiries(&live, own_key, newest.map(AsRef::as_ref));
        let (account, sign_in) = (account.to_string(), self.settings.sign_in_url.clone());
        let unbound = if expired.is_empty() {
            Refusal::Unbound { account, sign_in }
        } else {
            Refusal::BindingExpired { account, sign_in }
        };
        (inquiries, unbound)
    }

    /// Queries Ethereum for an inquiry, or takes the answer from the cache.
    async fn finding(&self, inquiry: Inquiry) -> Finding {
        if let Some(known) = self.access.cached_entitlement(inquiry.question).await {
            return Some(known);
        }
        decision_path::mark_cache_miss();
        match self.access.entitlement(inquiry.question).await {
            Ok(entitlement) => Some(entitlement),
            Err(error) => {
                tracing::warn!(%error, "Ethereum cannot be asked for a wallet's cards");
                None
            }
        }
    }

    /// Queries the hub for the session of a handshake of `account`.
    #[tracing::instrument(name = "query_hub_session", level = "debug", skip_all, fields(session = id))]
    async fn session(&self, id: u64, account: &AccountAddress) -> SessionFinding {
        match self.sessions.get(id).await {
            Ok(Some(session)) if session.account != *account => SessionFinding::Foreign,
            Ok(Some(session)) => SessionFinding::Kind(session.kind),
            Ok(None) => SessionFinding::Missing,
            Err(error) => {
                tracing::warn!(%error, session = id, "the hub cannot be asked for a session");
                SessionFinding::Unavailable
            }
        }
    }

    /// Current time.
    fn now(&self) -> UnixTime {
        self.clock.unix()
    }

    /// The record of a session.
    fn recorded_session(&self, session: u64) -> Option<Arc<SessionRecord>> {
        self.store.sessions().get(session)
    }

    /// Reserves device slot and tunnel key.
    fn claim(&self, claim: SessionClaim) -> Result<Reservation, ClaimError> {
        self.store.sessions().claim(claim)
    }

    /// The session that uses the tunnel key of `claim`.
    fn session_using_peer(&self, claim: &SessionClaim) -> Option<u64> {
        self.store.sessions().using_peer(&claim.service, &claim.peer_id)
    }

    /// Status of a session on the hub; `None`: it has left the hub.
    async fn session_status(&self, session: u64) -> Result<Option<SessionStatus>, HubError> {
        self.sessions.status(session).await
    }

    /// Evicts sessions that are in the way of a claim.
    async fn evict(&self, sessions: &[u64], cause: EvictionCause) {
        self.evictor.evict(sessions, cause, Instant::now()).await;
    }

    /// Frees what a session that has left the hub holds.
    async fn end_session(&self, session: u64) {
        self.evictor.end_session(session).await;
    }

    /// Marks bindings that hold nothing, so that they are tried after the others.
    fn mark_refused_bindings(&self, findings: &[(Inquiry, Finding)]) {
        for (inquiry, _) in findings {
            let of_candidate = findings.iter().filter(|(other, _)| other.candidate == inquiry.candidate);
            let is_denied = |finding: &Finding| finding.as_ref().is_some_and(|found| found.is_denied());
            if let AccountLink::Binding(key) = &inquiry.candidate.link
                && of_candidate.map(|(_, finding)| finding).all(is_denied)
            {
                self.store.bindings().mark_refused(key);
            }
        }
    }
}
