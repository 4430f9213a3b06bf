//! Choosing the basis for a session: pure functions of what was found out.

use alloy::primitives::Address;

use super::decide::{AccountLink, Candidate, Finding, SessionFinding};
use super::policy::AdmissionPolicy;
use crate::access::{Basis, EntitlementQuery, Tier};
use crate::store::clock::UnixTime;
use crate::store::{Binding, SessionRecord};

/// One question about one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inquiry {
    /// The wallet and how it speaks for the account.
    pub candidate: Candidate,
    /// What is asked.
    pub question: EntitlementQuery,
}

/// A basis that allows a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasisChoice {
    /// The wallet and how it speaks for the account.
    pub candidate: Candidate,
    /// What its cards give.
    pub basis: Basis,
}

impl BasisChoice {
    /// The address that holds the cards.
    pub fn holder(&self) -> Address {
        self.basis.holder(self.candidate.wallet)
    }
}

/// What to ask for an account, in the order in which its bases are chosen: what the account's newest session rests on,
/// then each candidate with the vault that it named before the vaults that strangers can add to.
///
/// `bindings` are live and in the order of the store: those that a handshake used last come first.
pub fn inquiries(
    bindings: &[Binding],
    own_key: Option<Address>,
    newest_session: Option<&SessionRecord>,
) -> Vec<Inquiry> {
    let mut candidates: Vec<Candidate> = bindings
        .iter()
        .map(|binding| Candidate {
            wallet: binding.wallet,
            vault_hint: binding.vault,
            link: AccountLink::Binding(binding.key()),
        })
        .collect();
    candidates.extend(own_key.map(|wallet| Candidate {
        wallet,
        vault_hint: None,
        link: AccountLink::OwnKey,
    }));
    let used = newest_session.and_then(|record| {
        let (wallet, vault) = (record.wallet?, record.vault?);
        let candidate = candidates.iter().find(|candidate| candidate.wallet == wallet)?;
        Some(Inquiry { candidate: *candidate, question: EntitlementQuery::named(wallet, Some(vault)) })
    });
    let mut inquiries: Vec<Inquiry> = used.into_iter().collect();
    for candidate in candidates {
        let wallet = candidate.wallet;
        let named = candidate.vault_hint.map(|vault| EntitlementQuery::named(wallet, Some(vault)));
        for question in named.into_iter().chain([EntitlementQuery::Listed { wallet }]) {
            let inquiry = Inquiry { candidate, question };
            if !inquiries.contains(&inquiry) {
                inquiries.push(inquiry);
            }
        }
    }
    inquiries
}

/// The bases that allow the session, in the order in which to try them.
pub fn allowed_bases<'a>(
    policy: &'a AdmissionPolicy,
    findings: &'a [(Inquiry, Finding)],
    session: SessionFinding,
    now: UnixTime,
) -> impl Iterator<Item = (&'a Candidate, &'a Basis)> {
    let found =
        findings.iter().filter_map(|(inquiry, finding)| Some((&inquiry.candidate, finding.as_deref()?)));
    let bases = found.flat_map(|(candidate, found)| found.bases.iter().map(move |basis| (candidate, basis)));
    bases.filter(move |(candidate, basis)| {
        let is_over =
            basis.expires_at.is_some_and(|until| i64::try_from(until).is_ok_and(|until| until <= now));
        !is_over && !policy.denies(candidate.wallet, basis.vault) && allows(policy, basis.tier, session)
    })
}

fn allows(policy: &AdmissionPolicy, tier: Tier, session: SessionFinding) -> bool {
    match session {
        SessionFinding::Kind(kind) => policy.allows(tier, kind),
        SessionFinding::Missing | SessionFinding::Foreign | SessionFinding::Unavailable => true,
    }
}

/// How far a basis is from the one that a record rests on: staying on the same holder and tier moves nothing.
pub fn distance(record: &SessionRecord, candidate: &Candidate, basis: &Basis) -> u8 {
    let is_same_holder = record.holder() == Some(basis.holder(candidate.wallet));
    let is_same_wallet = record.wallet == Some(candidate.wallet);
    match (is_same_holder, record.tier == basis.tier.name(), is_same_wallet) {
        (true, true, true) => 0,
        (true, true, false) => 1,
        (true, false, _) => 2,
        (false, ..) => 3,
    }
}

/// Which of a holder's sessions go so that at most `limit` of them are left, the first to go first.
///
/// `newest_stay`: the oldest go, as for a further device with `drop_oldest`; otherwise those that came last.
pub fn sessions_to_evict<S: AsRef<SessionRecord>>(
    sessions: &[S],
    limit: usize,
    newest_stay: bool,
) -> Vec<u64> {
    let mut order: Vec<(UnixTime, u64)> =
        sessions.iter().map(|record| (record.as_ref().admitted_at, record.as_ref().session_id)).collect();
    order.sort_unstable();
    if !newest_stay {
        order.reverse();
    }
    order.truncate(sessions.len().saturating_sub(limit));
    order.into_iter().map(|(_, id)| id).collect()
}
