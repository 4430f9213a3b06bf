//! Standing of the node behind this gate, where policy requires it.
//!
//! One of two sources ([`source`]) reports it: the registry on Ethereum, or the links of the plans on the hub. The
//! follower polls it ([`follower`]). The latest finding is valid for a bounded time; without a valid finding no session
//! of a plan is admitted.

mod fault;
mod follower;
mod registry;
mod source;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use sentinel_proto::address::NodeAddress;
use tokio::sync::watch;

use crate::refusal::Refusal;

pub use fault::StandingFault;
pub use follower::StandingFollower;
pub use registry::NodeRegistryReader;
pub use source::{StandingError, StandingSource};

/// The node and the plans whose standing is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingQuery {
    /// The node behind this gate.
    pub node: NodeAddress,
    /// Plans that policy accepts.
    pub plans: BTreeSet<u64>,
}

/// Finding of a source about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandingFinding {
    /// The registry's finding, the same for every plan.
    Registered(Result<(), StandingFault>),
    /// The plans that the hub links to the node.
    Linked(BTreeSet<u64>),
}

impl StandingFinding {
    /// Returns the fault that excludes sessions of one of `plans`, if any.
    pub fn first_fault(&self, plans: &BTreeSet<u64>) -> Option<StandingFault> {
        match self {
            Self::Registered(standing) => standing.as_ref().err().cloned(),
            Self::Linked(_) => plans.iter().find_map(|plan| self.fault(*plan)),
        }
    }

    fn fault(&self, plan: u64) -> Option<StandingFault> {
        match self {
            Self::Registered(standing) => standing.as_ref().err().cloned(),
            Self::Linked(plans) => (!plans.contains(&plan)).then_some(StandingFault::NotLinked(plan)),
        }
    }
}

/// Latest state of the follower.
#[derive(Debug, Clone)]
struct StandingState {
    last: Option<LatestFinding>,
    /// Error of the latest poll, if it failed.
    trouble: Option<String>,
    since: SystemTime,
}

#[derive(Debug, Clone)]
struct LatestFinding {
    finding: StandingFinding,
    read: Instant,
}

/// Reason to refuse a session of a plan.
enum StandingDenial {
    Fault(StandingFault),
    Unknown(String),
}

/// Current standing. Cheap to clone and to read.
#[derive(Debug, Clone)]
pub struct Standing {
    known: watch::Receiver<StandingState>,
    max_age: Duration,
    /// Refusal while standing is unknown.
    unknown: Refusal,
}

impl Standing {
    /// For a gate without a source. Standing is never known.
    pub fn none() -> Self {
        let known = StandingState {
            last: None,
            trouble: Some("[registry] names no source: set one and restart the gate".into()),
            since: SystemTime::now(),
        };
        Self { known: watch::channel(known).1, max_age: Duration::ZERO, unknown: Refusal::NotInGoodStanding }
    }

    /// Returns the refusal of a session of `plan`, if any.
    pub fn refusal(&self, plan: u64) -> Option<Refusal> {
        self.denial(plan).map(|why| match why {
            StandingDenial::Fault(_) => Refusal::NotInGoodStanding,
            StandingDenial::Unknown(_) => self.unknown.clone(),
        })
    }

    /// Returns why sessions of one of `plans` are refused, and since when; `None` if they are not.
    pub fn problem(&self, plans: &BTreeSet<u64>) -> Option<(String, SystemTime)> {
        let why = plans.iter().find_map(|plan| self.denial(*plan))?;
        let since = self.known.borrow().since;
        let why = match why {
            StandingDenial::Fault(fault) => format!("this node is not in good standing: {fault}"),
            StandingDenial::Unknown(why) => format!("standing of this node is not known: {why}"),
        };
        Some((why, since))
    }

    fn denial(&self, plan: u64) -> Option<StandingDenial> {
        let known = self.known.borrow();
        let trouble = || known.trouble.clone().unwrap_or_else(|| "not asked yet".to_owned());
        match &known.last {
            Some(last) if last.read.elapsed() <= self.max_age => {
                last.finding.fault(plan).map(StandingDenial::Fault)
            }
            Some(last) => {
                let age = humantime::format_duration(Duration::from_secs(last.read.elapsed().as_secs()));
                Some(StandingDenial::Unknown(format!("read {age} ago; {}", trouble())))
            }
            None => Some(StandingDenial::Unknown(trouble())),
        }
    }
}

#[cfg(test)]
mod tests;
