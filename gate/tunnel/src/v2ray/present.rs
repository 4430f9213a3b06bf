//! Which users are in the service, derived from its statistics.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::api::Traffic;
use super::{BlockedUser, is_uuid};
use crate::TunnelPeer;

/// Lists the present peers from traffic statistics, which include removed users: users whose traffic has grown since the
/// last listing, blocked users, and, if the service lists them, all users. Growth is no evidence for a user that was
/// evicted between the two listings.
pub(super) fn compare(
    before: Option<&(Instant, Traffic)>,
    now: &Traffic,
    out: &HashMap<String, BlockedUser>,
    listed: Option<&BTreeSet<String>>,
) -> Vec<TunnelPeer> {
    let grown = |name: &String| {
        let Some((looked, before)) = before else { return false };
        let since = out.get(name).is_none_or(|evicted| evicted.since < *looked);
        since && now.get(name).copied().unwrap_or(0) > before.get(name).copied().unwrap_or(0)
    };
    let is_listed = |name: &String| listed.is_some_and(|listed| listed.contains(name));
    let users = now.keys().chain(listed.into_iter().flatten()).filter(|name| is_uuid(name));
    let names: BTreeSet<&String> = users.chain(out.keys()).collect();
    let present = |name: &String| TunnelPeer {
        peer_id: name.clone(),
        passing: is_listed(name) || grown(name),
        addresses: Vec::new(),
    };
    names.into_iter().map(present).filter(|peer| peer.passing || out.contains_key(&peer.peer_id)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NAMES: [&str; 3] = [
        "00000001-6f0a-4b7e-8d11-0123456789ab",
        "00000002-6f0a-4b7e-8d11-0123456789ab",
        "00000003-6f0a-4b7e-8d11-0123456789ab",
    ];

    fn gone(index: usize, since: Instant) -> (String, BlockedUser) {
        (NAMES[index].to_owned(), BlockedUser { since, was_there: true })
    }

    fn traffic(values: [i64; 3]) -> Traffic {
        NAMES.iter().map(|name| (*name).to_owned()).zip(values).collect()
    }

    fn shown(
        before: Option<&(Instant, Traffic)>,
        now: [i64; 3],
        out: &[(usize, Instant)],
    ) -> Vec<(usize, bool)> {
        let out = out.iter().map(|(index, when)| gone(*index, *when)).collect();
        let present = compare(before, &traffic(now), &out, None);
        let index = |id: &str| NAMES.iter().position(|name| *name == id).unwrap();
        present.iter().map(|peer| (index(&peer.peer_id), peer.passing)).collect()
    }

    #[test]
    fn user_with_growing_traffic_is_present() {
        let begin = Instant::now();
        let later = begin + Duration::from_secs(1);
        let before = (begin, traffic([5, 5, 0]));
        assert_eq!(shown(None, [5, 5, 5], &[]), []);
        assert_eq!(shown(Some(&before), [5, 6, 0], &[]), [(1, true)]);
        // Evicted after the last look, and before it.
        assert_eq!(shown(Some(&before), [6, 5, 0], &[(0, later)]), [(0, false)]);
        let before = (later, traffic([5, 5, 0]));
        assert_eq!(shown(Some(&before), [5, 5, 0], &[(0, begin)]), [(0, false)]);
        assert_eq!(shown(Some(&before), [6, 5, 0], &[(0, begin)]), [(0, true)]);
    }
    #[test]
    fn listed_user_is_present_without_traffic() {
        let now = Instant::now();
        let before = (now, traffic([5, 5, 5]));
        let listed = NAMES[..2].iter().map(|name| (*name).to_owned()).chain(["api".to_owned()]).collect();
        let out = [gone(1, now), gone(2, now)].into_iter().collect();
        let present = compare(Some(&before), &traffic([5, 5, 5]), &out, Some(&listed));
        let shown: Vec<_> = present.iter().map(|peer| (peer.peer_id.as_str(), peer.passing)).collect();
        // The second one has added itself again.
        assert_eq!(shown, [(NAMES[0], true), (NAMES[1], true), (NAMES[2], false)]);
    }
}
