//! Room `standing`: whether the node behind this gate is in good standing, where policy asks for it.
//!
//! One of two sources says so ([`source`]): the registry on Ethereum, or the links of the plans on the hub. It is asked
//! again and again ([`follow`]). What was read last counts for a bounded time; without any word nobody gets a session
//! of a plan.

mod fault;
mod follow;
mod registry;
mod source;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use sentinel_proto::address::NodeAddress;
use tokio::sync::watch;

use crate::refusal::Refusal;

pub use fault::Fault;
pub use follow::Follower;
pub use registry::{Registry, SettledAt};
pub use source::{Source, Unread};

/// Who is asked about, and for which plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The node behind this gate.
    pub node: NodeAddress,
    /// Plans whose sessions the policy lets in.
    pub plans: BTreeSet<u64>,
}

/// What a source says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The registry: for every plan alike.
    Registered(Result<(), Fault>),
    /// The hub: the plans that it is linked to.
    Linked(BTreeSet<u64>),
}

impl Finding {
    /// What keeps sessions of one of `plans` out, if anything.
    pub fn first_fault(&self, plans: &BTreeSet<u64>) -> Option<Fault> {
        match self {
            Self::Registered(standing) => standing.as_ref().err().cloned(),
            Self::Linked(_) => plans.iter().find_map(|plan| self.fault(*plan)),
        }
    }

    fn fault(&self, plan: u64) -> Option<Fault> {
        match self {
            Self::Registered(standing) => standing.as_ref().err().cloned(),
            Self::Linked(plans) => (!plans.contains(&plan)).then_some(Fault::NotLinked(plan)),
        }
    }
}

/// What is known.
#[derive(Debug, Clone)]
struct Known {
    last: Option<Last>,
    /// Why the newest question was not answered.
    trouble: Option<String>,
    since: SystemTime,
}

#[derive(Debug, Clone)]
struct Last {
    finding: Finding,
    read: Instant,
}

/// Why a session of a plan is not let in.
enum Why {
    Fault(Fault),
    Unknown(String),
}

/// What counts now, for those who decide. Cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Standing {
    known: watch::Receiver<Known>,
    max_age: Duration,
    /// What to say while nothing is known.
    unknown: Refusal,
}

impl Standing {
    /// For a gate whose file names no source. Nothing is ever known.
    pub fn none() -> Self {
        let known = Known {
            last: None,
            trouble: Some("[registry] names no source; after it is named, the gate has to start anew".into()),
            since: SystemTime::now(),
        };
        Self { known: watch::channel(known).1, max_age: Duration::ZERO, unknown: Refusal::NotInGoodStanding }
    }

    /// Why no session of `plan` is let in now, if so.
    pub fn refusal(&self, plan: u64) -> Option<Refusal> {
        self.why(plan).map(|why| match why {
            Why::Fault(_) => Refusal::NotInGoodStanding,
            Why::Unknown(_) => self.unknown.clone(),
        })
    }

    /// Why sessions of one of `plans` are not let in now, and since when; if so.
    pub fn problem(&self, plans: &BTreeSet<u64>) -> Option<(String, SystemTime)> {
        let why = plans.iter().find_map(|plan| self.why(*plan))?;
        let since = self.known.borrow().since;
        let why = match why {
            Why::Fault(fault) => format!("this node is not in good standing: {fault}"),
            Why::Unknown(why) => format!("standing of this node is not known: {why}"),
        };
        Some((why, since))
    }

    fn why(&self, plan: u64) -> Option<Why> {
        let known = self.known.borrow();
        let trouble = || known.trouble.clone().unwrap_or_else(|| "not asked yet".to_owned());
        match &known.last {
            Some(last) if last.read.elapsed() <= self.max_age => last.finding.fault(plan).map(Why::Fault),
            Some(last) => {
                let age = humantime::format_duration(Duration::from_secs(last.read.elapsed().as_secs()));
                Some(Why::Unknown(format!("read {age} ago; {}", trouble())))
            }
            None => Some(Why::Unknown(trouble())),
        }
    }
}

#[cfg(test)]
mod tests;
