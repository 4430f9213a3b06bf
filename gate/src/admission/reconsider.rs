//! Whether an admitted session still has a right to its tunnel: the decision on a handshake, asked again.

use std::cmp::Reverse;
use std::sync::Arc;

use alloy::primitives::Address;
use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::decide::{self, By, Candidate, Finding, SessionFinding};
use super::states::{AT_ONCE, LONGEST};
use super::{Admission, Grant, PROBE};
use crate::access::Entitlement;
use crate::refusal::Refusal;
use crate::store::clock::UnixTime;
use crate::store::{Cause, SessionRecord};

/// What becomes of a session.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It may rest on any of these, the best first.
    Keeps(Vec<Grant>),
    /// Nothing entitles it any more.
    Loses(Cause),
    /// It cannot be found out now.
    Unknown,
}

/// What a session rests on, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The wallet. None for a probe.
    pub wallet: Option<Address>,
    /// The wallet that holds the card, if another one.
    pub vault: Option<Address>,
    /// The card.
    pub card: Option<String>,
    /// The tier's label.
    pub tier: &'static str,
    /// The plan that the session is of, as far as that was asked.
    pub plan: Option<u64>,
    /// The block of the decision.
    pub block: u64,
    /// When the right to it ends.
    pub expires_at: UnixTime,
}

impl Basis {
    /// The record of a session that rests on this.
    pub fn of(&self, record: &SessionRecord) -> SessionRecord {
        SessionRecord {
            wallet: self.wallet,
            vault: self.vault,
            card: self.card.clone(),
            tier: self.tier.to_owned(),
            plan: self.plan.or(record.plan),
            decision_block: self.block,
            expires_at: self.expires_at,
            ..record.clone()
        }
    }
}

impl Admission {
    /// Asks again what a session may rest on: the sign-ins of its account and the key that signed its handshake.
    pub async fn reconsider(&self, record: &SessionRecord) -> Verdict {
        let policy = self.policy();
        if policy.denies_account(&record.account) {
            return Verdict::Loses(Cause::Denied);
        }
        if policy.is_probe(&record.account) {
            return Verdict::Keeps(vec![Grant::Probe]);
        }
        let (candidates, unbound) = self.candidates(&record.account, record.own_key);
        let deadline = Instant::now() + LONGEST;
        let session = timeout_at(deadline, self.session(record.session_id));
        let asked = stream::iter(candidates).map(|candidate| async move {
            let finding = timeout_at(deadline, self.finding(&candidate)).await;
            (candidate, finding.unwrap_or_default())
        });
        let (session, findings) = tokio::join!(session, asked.buffered(AT_ONCE).collect::<Vec<_>>());
        let session = session.unwrap_or(SessionFinding::Unavailable);
        let mut good: Vec<(Candidate, Arc<Entitlement>)> = findings
            .iter()
            .filter(|(_, finding)| decide::settles(&policy, finding, session))
            .filter_map(|(candidate, finding)| finding.clone().map(|found| (*candidate, found)))
            .collect();
        if session == SessionFinding::Unavailable {
            // What its tier could use it can use still; about another tier nothing is known.
            let before = good.len();
            good.retain(|(_, found)| found.tier.name() == record.tier);
            if good.is_empty() && before > 0 {
                return Verdict::Unknown;
            }
        }
        if good.is_empty() {
            return lost(&decide::nearest_refusal(&policy, &findings, session, &unbound), &findings);
        }
        // Who it rests on stays who it rests on; the order of the store decides among others of a tier.
        good.sort_by_key(|(candidate, found)| (Some(candidate.wallet) != record.wallet, Reverse(found.tier)));
        let plan = match session {
            SessionFinding::Kind(kind) => kind.plan(),
            SessionFinding::Missing | SessionFinding::Unavailable => record.plan,
        };
        let grant = |(candidate, entitlement)| Grant::Card { candidate, entitlement, plan };
        Verdict::Keeps(good.into_iter().map(grant).collect())
    }

    /// What is recorded of a session that rests on `grant`.
    pub fn basis(&self, grant: &Grant) -> Basis {
        let now = self.clock.unix();
        let otherwise =
            now.saturating_add_unsigned(self.governance.credential_ttl(self.terms.without_binding).as_secs());
        let Grant::Card { candidate, entitlement, plan } = grant else {
            return Basis {
                wallet: None,
                vault: None,
                card: None,
                tier: PROBE,
                plan: None,
                block: 0,
                expires_at: otherwise,
            };
        };
        let binding = match candidate.by {
            By::Binding(key) => {
                self.store.bindings_of(&key.account).into_iter().find(|binding| binding.wallet == key.wallet)
            }
            By::OwnKey => None,
        };
        let bound = binding.map_or(otherwise, |binding| binding.expires_at);
        let until = entitlement.until.and_then(|until| UnixTime::try_from(until).ok());
        Basis {
            wallet: Some(entitlement.wallet),
            vault: entitlement.vault,
            card: entitlement.cards.first().map(ToString::to_string),
            tier: entitlement.tier.name(),
            plan: *plan,
            block: entitlement.block,
            expires_at: until.map_or(bound, |until| until.min(bound)),
        }
    }
}

fn lost(refusal: &Refusal, findings: &[(Candidate, Finding)]) -> Verdict {
    match refusal {
        // Somebody who could not be asked may be the one who entitles it.
        _ if findings.iter().any(|(_, finding)| finding.is_none()) => Verdict::Unknown,
        Refusal::SessionKind { .. } => Verdict::Loses(Cause::SessionKind),
        Refusal::Denied => Verdict::Loses(Cause::Denied),
        Refusal::Unbound { .. } => Verdict::Loses(Cause::Unbound),
        Refusal::BindingExpired { .. } => Verdict::Loses(Cause::Expired),
        Refusal::NoCard { .. } => Verdict::Loses(Cause::NoCard),
        _ => Verdict::Unknown,
    }
}
