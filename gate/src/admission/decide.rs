//! The decision itself: a pure function of what was found out about one handshake.

use std::sync::Arc;

use alloy::primitives::Address;
use sentinel_proto::hub::SessionKind;

use super::policy::Policy;
use crate::access::{Entitlement, Tier};
use crate::ops::redact::Short;
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
    pub by: By,
}

/// How a wallet speaks for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
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
    /// The hub could not be asked.
    Unavailable,
}

/// Whether this finding settles the handshake, so that no further candidate needs to be asked.
pub fn settles(policy: &Policy, finding: &Finding, session: SessionFinding) -> bool {
    finding.as_ref().is_some_and(|entitlement| {
        entitlement.tier != Tier::Denied
            && !policy.denies(entitlement)
            && match session {
                SessionFinding::Kind(kind) => policy.allows(entitlement.tier, kind),
                SessionFinding::Missing | SessionFinding::Unavailable => true,
            }
    })
}

/// Why none of the candidates may use the session. The refusal that is nearest to entry is told.
pub fn nearest_refusal(
    policy: &Policy,
    findings: &[(Candidate, Finding)],
    session: SessionFinding,
    unbound: &Refusal,
) -> Refusal {
    let known = || findings.iter().filter_map(|(_, finding)| finding.as_deref());
    let good = |entitlement: &&Entitlement| entitlement.tier != Tier::Denied && !policy.denies(entitlement);
    if let (Some(entitlement), SessionFinding::Kind(kind)) = (known().find(good), session) {
        return Refusal::SessionKind {
            session: describe(kind),
            tier: entitlement.tier.name(),
            allowed: policy.allowed(entitlement.tier),
        };
    }
    if findings.iter().any(|(_, finding)| finding.is_none()) {
        return Refusal::EthereumUnavailable;
    }
    if known().any(|entitlement| policy.denies(entitlement)) {
        return Refusal::Denied;
    }
    let signed_in = findings.iter().find(|(candidate, _)| candidate.by != By::OwnKey);
    match signed_in {
        Some((candidate, _)) => Refusal::NoCard { wallet: Short(candidate.wallet).to_string() },
        None => unbound.clone(),
    }
}

fn describe(kind: SessionKind) -> String {
    match kind {
        SessionKind::Direct => "direct".to_owned(),
        SessionKind::Plan(id) => format!("plan {id}"),
    }
}

#[cfg(test)]
mod tests;
