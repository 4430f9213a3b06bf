//! Blocks the peers of sessions that have lost their entitlement and restores them when it returns.
//!
//! A possible loss (an Ethereum event, an ended sign-in, the clock, the operator) only queues sessions
//! ([`reevaluation_queue`]). The worker then evaluates each queued session with the decision that
//! admission uses and applies the result. So an event alone never evicts a session, and a session that is queued without
//! need costs one read.

mod change_handler;
mod clock;
mod enforcer;
mod evictor;
mod expiry_check;
mod intent_resolver;
mod operator_actions;
mod peer_reconciler;
mod pending_evictions;
mod rebased_sessions;
mod reevaluation_queue;
mod reevaluation_scheduler;
mod reevaluation_worker;
mod repeat_handler;
mod target;

use crate::store::{EvictionCause, SessionRecord, SessionState};

pub use self::clock::SteadyClock;
pub use self::enforcer::{Enforcer, EnforcerDeps};
pub use self::evictor::{Evictor, NodeAnswers};
pub use self::operator_actions::OperatorActions;
pub use self::repeat_handler::RepeatOutcome;
pub use self::target::{Target, UnknownTarget};

/// Whether a re-evaluation can change the session: it is live, or it is evicted for a cause that can heal.
fn is_open(record: &SessionRecord) -> bool {
    match record.state {
        SessionState::Live => true,
        SessionState::Evicted => record.cause.is_some_and(EvictionCause::is_self_restoring),
    }
}

/// The peer of a session, as the tunnel driver takes it.
fn peer(record: &SessionRecord) -> sovereign_tunnel::Peer {
    sovereign_tunnel::Peer {
        session_id: record.session_id,
        peer_id: record.peer_id.clone(),
        addresses: record.addresses.clone(),
    }
}
