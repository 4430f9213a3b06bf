//! Type states of a handshake. Each transition consumes the former state, and only [`Admitted`], which nothing outside
//! this module can construct, may be forwarded: a path that forwards an unchecked handshake does not compile.

use std::time::Duration;

use alloy::primitives::Address;
use bytes::Bytes;
use futures::StreamExt;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::{Handshake, HandshakeError, PeerId, PeerRequest, Service, Signer};
use tokio::time::{Instant, timeout_at};

use super::basis_choice::{BasisChoice, Inquiry, allowed_bases};
use super::claims::{self, ClaimMode, ClaimRejected};
use super::decide::{self, AccountLink, Candidate, Finding, SessionFinding};
use super::policy::AdmissionPolicy;
use super::throwaway_handshake::ThrowawayHandshake;
use super::{Admission, PROBE_TIER};
use crate::access::Basis;
use crate::refusal::Refusal;
use crate::store::clock::UnixTime;
use crate::store::{Reservation, SessionRecord};

/// Maximum concurrent inquiries, after the first one alone gave no decision.
pub(super) const MAX_CONCURRENT_INQUIRIES: usize = 8;
/// Time limit for Ethereum and the hub together. Stock clients give up after 5 s, and the node needs its share.
pub(super) const MAX_DECISION_TIME: Duration = Duration::from_millis(2800);
/// Refusal reason for a repeat that cannot restore a session evicted by a device limit or a lockdown.
const NO_SIGN_IN_SINCE_EVICTION: &str =
    "it was evicted for a newer device or by a lockdown, and no wallet has signed in since";

/// Bytes that have the form of a handshake.
#[derive(Debug)]
pub struct Parsed {
    handshake: Handshake,
    peer: PeerId,
    service: Service,
    body: Bytes,
}

/// Handshake with a valid signature of its key, so it speaks for an account.
#[derive(Debug)]
pub struct Verified {
    parsed: Parsed,
    signer: Signer,
}

/// What a handshake may do beyond using a free device slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeRights {
    /// Only sign-ins issued after this time count.
    signed_in_after: Option<UnixTime>,
    /// Whether another session may be moved or evicted for it.
    may_displace_sessions: bool,
}

impl HandshakeRights {
    /// Rights of a handshake without a record.
    pub(super) const fn first() -> Self {
        Self { signed_in_after: None, may_displace_sessions: true }
    }

    /// Rights of a repeat: it may restore an automatically restorable session.
    pub(super) const fn repeat(signed_in_after: Option<UnixTime>) -> Self {
        Self { signed_in_after, may_displace_sessions: false }
    }

    /// Rights of a repeat that counts as a request of the owner if a wallet signed in after `time`.
    pub(super) const fn signed_in_after(time: UnixTime) -> Self {
        Self { signed_in_after: Some(time), may_displace_sessions: true }
    }
}

/// Handshake of an account for which wallets speak.
#[derive(Debug)]
pub struct Bound {
    verified: Verified,
    inquiries: Vec<Inquiry>,
    /// Findings so far, for the first inquiries in order.
    findings: Vec<(Inquiry, Finding)>,
    session: Option<SessionFinding>,
    /// Choices that allow the session and have no free device slot, in order.
    full: Vec<Full>,
    /// Number of full choices that were tried again with displacement.
    displacement_attempts: usize,
    terms: HandshakeRights,
    /// Refusal if no inquiry finds a card and there is no sign-in.
    unbound: Refusal,
    deadline: Instant,
}

/// A choice without a free device slot.
#[derive(Debug)]
struct Full {
    choice: BasisChoice,
    refusal: Refusal,
    /// Conflicting sessions of the asking account.
    own_sessions: usize,
}

/// A wallet holds a card that is good for this session, as far as the session exists.
#[derive(Debug)]
pub struct Entitled {
    bound: Bound,
    choice: BasisChoice,
    /// All choices are full: other sessions are moved or evicted for this one.
    make_room: bool,
}

/// Basis of an admission.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A holder's card.
    Card {
        /// The wallet and the basis.
        choice: BasisChoice,
        /// The plan that the session is of, if of any.
        plan: Option<u64>,
    },
    /// The operator's list of probes.
    Probe,
}

impl Grant {
    /// The label of its tier.
    pub fn tier(&self) -> &'static str {
        match self {
            Self::Card { choice, .. } => choice.basis.tier.name(),
            Self::Probe => PROBE_TIER,
        }
    }
}

/// Admitted handshake, which may be forwarded. Holds its tunnel key and device slot until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    verified: Verified,
    grant: Grant,
    _place: Reservation,
}

/// The handshake of a live session again: answered from the record, never forwarded.
#[derive(Debug)]
pub struct Repeated {
    verified: Verified,
}

/// An entitled handshake for a session that its account does not have on the hub: the node's to refuse.
#[derive(Debug)]
pub struct NoSession {
    verified: Verified,
    is_foreign: bool,
}

/// Result of a handshake that was not refused.
#[derive(Debug)]
pub enum Outcome {
    /// It may be forwarded.
    Admitted(Box<Admitted>),
    /// It was answered before, and its session is live.
    Repeated(Box<Repeated>),
    /// The node has to say that there is no such session.
    NoSession(Box<NoSession>),
}

/// Why an entitled handshake is not admitted.
#[derive(Debug)]
pub enum NotAdmitted {
    /// The holder has no free device slot; another choice may have one.
    Full(Box<Bound>),
    /// Nothing more to try.
    Refused(Refusal),
}

impl Parsed {
    /// Reads `body` as a handshake for `service`.
    pub fn parse(body: Bytes, service: Service) -> Result<Self, Refusal> {
        let handshake = Handshake::parse(&body).map_err(|error| refusal(&error))?;
        let peer = PeerRequest::parse(&handshake.data, Some(service))
            .map_err(|error| Refusal::Malformed(format!("data: {error}")))?
            .id;
        Ok(Self { handshake, peer, service, body })
    }

    /// Checks the signature.
    pub fn verify(self) -> Result<Verified, Refusal> {
        let signer = self.handshake.verify().map_err(|error| refusal(&error))?;
        Ok(Verified { parsed: self, signer })
    }
}

fn refusal(error: &HandshakeError) -> Refusal {
    match error {
        HandshakeError::Malformed(malformed) => Refusal::Malformed(malformed.to_string()),
        HandshakeError::BadSignature(bad) => Refusal::BadHandshakeSignature(bad.to_string()),
    }
}

impl Verified {
    /// The session that it is for.
    pub fn session_id(&self) -> u64 {
        self.parsed.handshake.session_id
    }

    /// The account that it speaks for.
    pub fn account(&self) -> AccountAddress {
        self.signer.account
    }

    /// The peer that it requests.
    pub fn peer(&self) -> PeerId {
        self.parsed.peer
    }

    /// The tunnel service that it is for.
    pub fn service(&self) -> Service {
        self.parsed.service
    }

    /// The Ethereum address of its key, if it has one.
    pub fn own_key(&self) -> Option<Address> {
        self.signer.ethereum.map(Address::from)
    }

    /// Whether this is the handshake that a record is of.
    pub fn is_of(&self, record: &SessionRecord) -> bool {
        record.session_id == self.session_id()
            && record.handshake_hash == self.fingerprint()
            && record.account == self.signer.account
            && record.peer_id == self.peer().to_string()
    }

    /// Digest that is equal for every spelling of this handshake and differs for any other one.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.parsed.handshake.digest()
    }

    /// Finds the wallets that may speak for the account: its sign-ins, in the order of the store, then the
    /// Ethereum address of the handshake's own key.
    pub fn bind(self, admission: &Admission, terms: HandshakeRights) -> Result<Bound, Refusal> {
        let account = self.signer.account;
        let (inquiries, unbound) = admission.inquiries(&account, self.own_key(), terms.signed_in_after);
        if inquiries.is_empty() {
            let is_stale = terms.signed_in_after.is_some()
                && !admission.inquiries(&account, self.own_key(), None).0.is_empty();
            return Err(if is_stale { Refusal::TunnelOver(NO_SIGN_IN_SINCE_EVICTION) } else { unbound });
        }
        Ok(Bound {
            verified: self,
            inquiries,
            findings: Vec::new(),
            session: None,
            full: Vec::new(),
            displacement_attempts: 0,
            terms,
            unbound,
            deadline: Instant::now() + MAX_DECISION_TIME,
        })
    }

    /// A probe needs no card and may use any session.
    pub async fn admit_probe(self, admission: &Admission) -> Result<Admitted, Refusal> {
        let deadline = Instant::now() + MAX_DECISION_TIME;
        let place = claims::claim_slot(admission, &self, &Grant::Probe, ClaimMode::FreeOnly, deadline).await;
        let place = place.map_err(|rejected| rejected.refusal)?;
        Ok(Admitted { verified: self, grant: Grant::Probe, _place: place })
    }
}

impl Bound {
    /// Refusal for a denied account: an account without sign-in is refused as unbound first.
    pub(super) fn denied(self) -> Refusal {
        let signed_in = self.inquiries.iter().any(|inquiry| inquiry.candidate.link != AccountLink::OwnKey);
        if signed_in { Refusal::Denied } else { self.unbound }
    }

    /// Queries Ethereum and the hub concurrently, until a choice that may have a free device slot is found or all
    /// inquiries ran.
    pub async fn entitle(mut self, admission: &Admission) -> Result<Entitled, Refusal> {
        let session = self.begin(admission).await;
        let policy = admission.policy();
        let now = admission.now();
        let asked: Vec<Inquiry> = self.inquiries.iter().skip(self.findings.len()).copied().collect();
        let deadline = self.deadline;
        let mut more = futures::stream::iter(asked)
            .map(|inquiry| async move {
                let finding = timeout_at(deadline, admission.finding(inquiry)).await;
                (inquiry, finding.unwrap_or_default())
            })
            .buffered(MAX_CONCURRENT_INQUIRIES);
        let choice = loop {
            if let Some(choice) = self.next_choice(&policy, session, now) {
                break Some(choice);
            }
            match more.next().await {
                Some(finding) => self.findings.push(finding),
                None => break None,
            }
        };
        drop(more);
        admission.mark_refused_bindings(&self.findings);
        match choice {
            Some(_) if session == SessionFinding::Unavailable => Err(Refusal::HubUnavailable),
            Some(choice) => Ok(Entitled { bound: self, choice, make_room: false }),
            None => self.make_room(&policy, session),
        }
    }

    /// Tries the full choices again, now displacing other sessions; else returns the refusal.
    fn make_room(mut self, policy: &AdmissionPolicy, session: SessionFinding) -> Result<Entitled, Refusal> {
        if self.terms.may_displace_sessions
            && let Some(full) = self.full.get(self.displacement_attempts)
        {
            let choice = full.choice.clone();
            self.displacement_attempts += 1;
            return Ok(Entitled { bound: self, choice, make_room: true });
        }
        // The refusal about which the asking account can do most.
        let best = self.full.iter().rev().max_by_key(|full| full.own_sessions);
        Err(best.map_or_else(
            || decide::nearest_refusal(policy, &self.findings, session, &self.unbound),
            |full| full.refusal.clone(),
        ))
    }

    /// Queries the session and the first inquiry concurrently; further inquiries run only if these give no decision.
    async fn begin(&mut self, admission: &Admission) -> SessionFinding {
        if let Some(session) = self.session {
            return session;
        }
        let account = self.verified.account();
        let session = admission.session(self.verified.session_id(), &account);
        let session = timeout_at(self.deadline, session);
        let session = match self.inquiries.first() {
            Some(first) => {
                let finding = timeout_at(self.deadline, admission.finding(*first));
                let (finding, session) = tokio::join!(finding, session);
                self.findings.push((*first, finding.unwrap_or_default()));
                session
            }
            None => session.await,
        };
        let session = session.unwrap_or(SessionFinding::Unavailable);
        self.session = Some(session);
        session
    }

    /// First choice whose holder has not been found to be full for its tier.
    fn next_choice(
        &self,
        policy: &AdmissionPolicy,
        session: SessionFinding,
        now: UnixTime,
    ) -> Option<BasisChoice> {
        let is_full = |candidate: &Candidate, basis: &Basis| {
            self.full.iter().any(|full| {
                full.choice.holder() == basis.holder(candidate.wallet) && full.choice.basis.tier == basis.tier
            })
        };
        allowed_bases(policy, &self.findings, session, now)
            .find(|(candidate, basis)| !is_full(candidate, basis))
            .map(|(candidate, basis)| BasisChoice { candidate: *candidate, basis: basis.clone() })
    }
}

impl Entitled {
    /// Claims a device slot of the holder and the tunnel key.
    pub async fn admit(self, admission: &Admission) -> Result<Outcome, NotAdmitted> {
        let Self { mut bound, choice, make_room } = self;
        // A session of another account gets neither slot nor key nor its turn at the node.
        if let Some(finding @ (SessionFinding::Missing | SessionFinding::Foreign)) = bound.session {
            let is_foreign = finding == SessionFinding::Foreign;
            return Ok(Outcome::NoSession(Box::new(NoSession { verified: bound.verified, is_foreign })));
        }
        let plan = match bound.session {
            Some(SessionFinding::Kind(kind)) => kind.plan(),
            _ => None,
        };
        let bad_standing = standing_refusal(admission, &bound);
        let grant = Grant::Card { choice: choice.clone(), plan };
        let room =
            if make_room && bad_standing.is_none() { ClaimMode::Displace } else { ClaimMode::FreeOnly };
        match claims::claim_slot(admission, &bound.verified, &grant, room, bound.deadline).await {
            Ok(place) => match bad_standing {
                Some(refusal) => Err(NotAdmitted::Refused(refusal)),
                None => Ok(Outcome::Admitted(Box::new(Admitted {
                    verified: bound.verified,
                    grant,
                    _place: place,
                }))),
            },
            Err(rejected) if rejected.by_holder => {
                if !make_room {
                    let ClaimRejected { refusal, own_sessions, .. } = rejected;
                    bound.full.push(Full { choice, refusal, own_sessions });
                }
                Err(NotAdmitted::Full(Box::new(bound)))
            }
            Err(rejected) => Err(NotAdmitted::Refused(rejected.refusal)),
        }
    }
}

fn standing_refusal(admission: &Admission, bound: &Bound) -> Option<Refusal> {
    match bound.session {
        Some(SessionFinding::Kind(kind)) => admission.standing_refusal(kind),
        Some(SessionFinding::Missing | SessionFinding::Foreign | SessionFinding::Unavailable) | None => None,
    }
}

impl Admitted {
    /// The handshake behind it.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// What it rests on.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The bytes to forward: those that arrived.
    pub fn body(&self) -> Bytes {
        self.verified.parsed.body.clone()
    }
}

impl Repeated {
    pub(super) fn new(verified: Verified) -> Self {
        Self { verified }
    }

    /// The handshake behind it.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

impl NoSession {
    /// The session is another account's.
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// What makes the node refuse in its own words.
    pub fn question(&self) -> ThrowawayHandshake {
        let Verified { parsed, signer } = &self.verified;
        ThrowawayHandshake::new(parsed.handshake.session_id, &parsed.handshake.data, signer.account)
    }
}
