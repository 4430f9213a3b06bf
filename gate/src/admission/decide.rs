//! The decision itself: a pure function of what was found out about one handshake.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy::primitives::Address;
use sentinel_proto::hub::SessionKind;

use super::basis_choice::Inquiry;
use super::policy::AdmissionPolicy;
use crate::access::{Basis, Entitlement};
use crate::redact::ShortAddress;
use crate::refusal::Refusal;
use crate::store::BindingKey;

/// A wallet that may open the network for the account of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The wallet.
    pub wallet: Address,
    /// The vault that the holder named at sign-in.
    pub vault_hint: Option<Address>,
    /// How the wallet speaks for the account.
    pub link: AccountLink,
}

/// How a wallet speaks for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountLink {
    /// A sign-in.
    Binding(BindingKey),
    /// The handshake's own key has this Ethereum address.
    OwnKey,
}

/// What Ethereum said of one candidate; `None`: it could not be asked.
pub type Finding = Option<Arc<Entitlement>>;

/// What the hub said of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionFinding {
    /// It exists and is of this kind.
    Kind(SessionKind),
    /// It does not exist: the node will say so.
    Missing,
    /// It is another account's: the node will say so.
    Foreign,
    /// The hub could not be asked.
    Unavailable,
}

/// Returns the refusal that is nearest to entry, when no candidate may use the session.
pub fn nearest_refusal(
    policy: &AdmissionPolicy,
    findings: &[(Inquiry, Finding)],
    session: SessionFinding,
    unbound: &Refusal,
) -> Refusal {
    let found = || findings.iter().filter_map(|(inquiry, finding)| Some((inquiry, finding.as_deref()?)));
    let bases = || {
        found().flat_map(|(inquiry, found)| found.bases.iter().map(|basis| (inquiry.candidate.wallet, basis)))
    };
    let is_denied = |(wallet, basis): &(Address, &Basis)| policy.denies(*wallet, basis.vault);
    if let (Some((_, basis)), SessionFinding::Kind(kind)) = (bases().find(|basis| !is_denied(basis)), session)
    {
        return Refusal::SessionKind {
            session: describe(kind),
            tier: basis.tier.name(),
            allowed: policy.allowed(basis.tier),
        };
    }
    let unanswered: BTreeSet<Address> = wallets(findings.iter().filter(|(_, finding)| finding.is_none()));
    if !unanswered.is_empty() {
        let all = wallets(findings.iter()).len();
        return match all - unanswered.len() {
            0 => Refusal::EthereumUnavailable,
            checked => Refusal::Unfinished { checked, all },
        };
    }
    if bases().any(|basis| is_denied(&basis))
        || found().any(|(inquiry, _)| policy.denies(inquiry.candidate.wallet, None))
    {
        return Refusal::Denied;
    }
    let signed_in = findings.iter().find(|(inquiry, _)| inquiry.candidate.link != AccountLink::OwnKey);
    match signed_in {
        Some((inquiry, _)) => Refusal::NoCard { wallet: ShortAddress(inquiry.candidate.wallet).to_string() },
        None => unbound.clone(),
    }
}

fn wallets<'a>(findings: impl Iterator<Item = &'a (Inquiry, Finding)>) -> BTreeSet<Address> {
    findings.map(|(inquiry, _)| inquiry.candidate.wallet).collect()
}

fn describe(kind: SessionKind) -> String {
    match kind {
        SessionKind::Direct => "direct".to_owned(),
        SessionKind::Plan(id) => format!("plan {id}"),
    }
}

#[cfg(test)]
mod tests;
