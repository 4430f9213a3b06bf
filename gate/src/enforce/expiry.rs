//! The end of a right comes with the clock alone, also when nobody can be asked any more.

use std::time::Duration;

use super::{Enforcer, is_open};
use crate::store::SessionState;

/// How late an end may be noticed. A clock that jumps is noticed as fast.
const EVERY: Duration = Duration::from_secs(1);

impl Enforcer {
    pub(super) async fn expire(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.name_ended();
        }
    }

    /// Names live sessions whose right has ended, to be asked whether there is another one, and evicted ones whose
    /// right has not ended after all, because the clock was wrong or somebody signed in.
    pub(super) fn name_ended(&self) {
        let now = self.clock.unix();
        let sessions = self.store.list_sessions();
        let named = sessions.iter().filter(|record| is_open(record)).filter(|record| match record.state {
            SessionState::Live => record.expires_at <= now,
            SessionState::Evicted => {
                record.cause == Some(crate::store::Cause::Expired) && record.expires_at > now
            }
        });
        let named: Vec<u64> = named.map(|record| record.session_id).collect();
        if !named.is_empty() {
            self.queue.add_once(named);
        }
    }
}
