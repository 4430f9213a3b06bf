//! The states of a handshake. Each arrow consumes the former state, and only [`Admitted`], which nothing
//! outside this room can make, may be forwarded: the compiler refuses a path that lets somebody in unchecked.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use bytes::Bytes;
use futures::StreamExt;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::{Handshake, HandshakeError, PeerId, PeerRequest, Service, Signer};
use tokio::time::{Instant, timeout_at};

use super::decide::{self, By, Candidate, Finding, SessionFinding};
use super::{Admission, PROBE, places, question};
use crate::access::Entitlement;
use crate::refusal::Refusal;
use crate::store::{Reservation, SessionRecord};

/// Candidates asked at the same time, after the first alone did not settle it.
pub(super) const AT_ONCE: usize = 8;
/// For Ethereum and the hub together; stock clients give up after 5 s and the node needs its part.
pub(super) const LONGEST: Duration = Duration::from_millis(2800);

/// Bytes that have the form of a handshake.
#[derive(Debug)]
pub struct Parsed {
    handshake: Handshake,
    peer: PeerId,
    service: Service,
    body: Bytes,
}

/// Signed by its key, so it speaks for an account.
#[derive(Debug)]
pub struct Verified {
    parsed: Parsed,
    signer: Signer,
}

/// There are wallets that may open the network for this account.
#[derive(Debug)]
pub struct Bound {
    verified: Verified,
    candidates: Vec<Candidate>,
    /// What was found out so far, about the first candidates in order.
    findings: Vec<(Candidate, Finding)>,
    session: Option<SessionFinding>,
    /// Candidates that hold a card, but whose devices are all in use.
    passed_over: Vec<Candidate>,
    /// What the last of those was told.
    full: Option<Refusal>,
    /// What to say if none of them holds anything and nobody signed in.
    unbound: Refusal,
    deadline: Instant,
}

/// A wallet holds a card that is good for this session, as far as the session exists.
#[derive(Debug)]
pub struct Entitled {
    bound: Bound,
    candidate: Candidate,
    entitlement: Arc<Entitlement>,
}

/// What an admission rests on.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A holder's card.
    Card {
        /// The wallet and how it speaks for the account.
        candidate: Candidate,
        /// What it holds.
        entitlement: Arc<Entitlement>,
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
            Self::Card { entitlement, .. } => entitlement.tier.name(),
            Self::Probe => PROBE,
        }
    }
}

/// May be forwarded. Holds its tunnel key and device until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    verified: Verified,
    grant: Grant,
    _place: Reservation,
}

/// An entitled handshake for a session that is not on the hub: the node's to refuse.
#[derive(Debug)]
pub struct NoSession {
    verified: Verified,
}

/// Where a handshake that was not refused ends.
#[derive(Debug)]
pub enum Outcome {
    /// It may be forwarded.
    Admitted(Box<Admitted>),
    /// The node has to say that there is no such session.
    NoSession(Box<NoSession>),
}

/// Why an entitled handshake is not admitted.
#[derive(Debug)]
pub enum NotAdmitted {
    /// This holder's devices are in use; another candidate may still have one free.
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

    /// The peer that it asks for.
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

    /// The same for every spelling of this handshake, and for no other one.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.parsed.handshake.digest()
    }

    /// Finds the wallets that may speak for the account: its sign-ins, in the order of the store, then the
    /// Ethereum address of the handshake's own key.
    pub fn bind(self, admission: &Admission) -> Result<Bound, Refusal> {
        let own_key = self.own_key();
        let (candidates, unbound) = admission.candidates(&self.signer.account, own_key);
        if candidates.is_empty() {
            return Err(unbound);
        }
        Ok(Bound {
            verified: self,
            candidates,
            findings: Vec::new(),
            session: None,
            passed_over: Vec::new(),
            full: None,
            unbound,
            deadline: Instant::now() + LONGEST,
        })
    }

    /// A probe needs no card and may use any session.
    pub async fn admit_probe(self, admission: &Admission) -> Result<Admitted, Refusal> {
        let deadline = Instant::now() + LONGEST;
        let place = places::take(admission, &self, &Grant::Probe, false, deadline).await;
        let place = place.map_err(|taken| taken.refusal)?;
        Ok(Admitted { verified: self, grant: Grant::Probe, _place: place })
    }
}

impl Bound {
    /// What a denied account is told: who has not signed in is told that first.
    pub(super) fn denied(self) -> Refusal {
        let signed_in = self.candidates.iter().any(|candidate| candidate.by != By::OwnKey);
        if signed_in { Refusal::Denied } else { self.unbound }
    }

    /// Asks Ethereum and the hub, in parallel, until a candidate may use the session or all were asked.
    pub async fn entitle(mut self, admission: &Admission) -> Result<Entitled, Refusal> {
        let session = self.begin(admission).await;
        let asked: Vec<Candidate> = self.candidates.iter().skip(self.findings.len()).copied().collect();
        let deadline = self.deadline;
        let mut more = futures::stream::iter(asked)
            .map(|candidate| async move {
                let finding = timeout_at(deadline, admission.finding(&candidate)).await;
                (candidate, finding.unwrap_or_default())
            })
            .buffered(AT_ONCE);
        loop {
            if let Some((candidate, entitlement)) = self.settled(admission, session) {
                drop(more);
                admission.note_in_vain(&self.findings);
                return match session {
                    SessionFinding::Unavailable => Err(Refusal::HubUnavailable),
                    _ => Ok(Entitled { bound: self, candidate, entitlement }),
                };
            }
            match more.next().await {
                Some(finding) => self.findings.push(finding),
                None => break,
            }
        }
        drop(more);
        admission.note_in_vain(&self.findings);
        let nearest = || decide::nearest_refusal(&admission.policy(), &self.findings, session, &self.unbound);
        Err(self.full.clone().unwrap_or_else(nearest))
    }

    /// The session, and the first candidate at the same time; the others only if that does not settle it.
    async fn begin(&mut self, admission: &Admission) -> SessionFinding {
        if let Some(session) = self.session {
            return session;
        }
        let session = timeout_at(self.deadline, admission.session(self.verified.session_id()));
        let session = match self.candidates.first() {
            Some(first) => {
                let finding = timeout_at(self.deadline, admission.finding(first));
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

    fn settled(
        &self,
        admission: &Admission,
        session: SessionFinding,
    ) -> Option<(Candidate, Arc<Entitlement>)> {
        self.findings.iter().filter(|(candidate, _)| !self.passed_over.contains(candidate)).find_map(
            |(candidate, finding)| {
                let settled = decide::settles(&admission.policy(), finding, session);
                finding.as_ref().filter(|_| settled).map(|found| (*candidate, Arc::clone(found)))
            },
        )
    }
}

impl Entitled {
    /// Takes a device of the holder and the tunnel key.
    pub async fn admit(self, admission: &Admission) -> Result<Outcome, NotAdmitted> {
        let Self { mut bound, candidate, entitlement } = self;
        if bound.session == Some(SessionFinding::Missing) {
            return Ok(Outcome::NoSession(Box::new(NoSession { verified: bound.verified })));
        }
        let plan = match bound.session {
            Some(SessionFinding::Kind(kind)) => kind.plan(),
            _ => None,
        };
        let grant = Grant::Card { candidate, entitlement, plan };
        let bad_standing = in_bad_standing(admission, &bound);
        let place = places::take(admission, &bound.verified, &grant, bad_standing.is_none(), bound.deadline);
        match place.await {
            Ok(place) => match bad_standing {
                Some(refusal) => Err(NotAdmitted::Refused(refusal)),
                None => Ok(Outcome::Admitted(Box::new(Admitted {
                    verified: bound.verified,
                    grant,
                    _place: place,
                }))),
            },
            Err(taken) if taken.by_own_devices => {
                admission.note_full(&candidate);
                bound.passed_over.push(candidate);
                bound.full = Some(taken.refusal);
                Err(NotAdmitted::Full(Box::new(bound)))
            }
            Err(taken) => Err(NotAdmitted::Refused(taken.refusal)),
        }
    }
}

fn in_bad_standing(admission: &Admission, bound: &Bound) -> Option<Refusal> {
    match bound.session {
        Some(SessionFinding::Kind(kind)) => admission.in_bad_standing(&bound.verified, kind),
        Some(SessionFinding::Missing | SessionFinding::Unavailable) | None => None,
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

impl NoSession {
    /// The bytes that make the node refuse in its own words; see [`question`].
    pub fn question(&self) -> Bytes {
        question::about(self.verified.session_id(), &self.verified.parsed.handshake.data).into()
    }
}
