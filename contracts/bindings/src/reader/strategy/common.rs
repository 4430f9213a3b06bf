//! Blocks that a quorum of providers has.

/// Returns the blocks to request when providers report these `heads`: the newest first, then older ones that more
/// providers have. Empty while no K heads (K: `quorum`) are within `max_lag` of each other.
///
/// Of any K heads at least one is of an honest provider. So K heads within `max_lag` are not invented, and a liar
/// cannot lead further back than that, even if it is one of only K providers that answer.
pub(crate) fn common_blocks(mut heads: Vec<u64>, quorum: usize, max_lag: u64) -> Vec<u64> {
    heads.sort_unstable_by(|a, b| b.cmp(a));
    let together = |many: &&[u64]| many.first().zip(many.last()).is_some_and(|(a, b)| a - b <= max_lag);
    let Some(&reference) = heads.windows(quorum.max(1)).find(together).and_then(<[u64]>::last) else {
        return Vec::new();
    };
    heads.retain(|head| *head <= reference && head.saturating_add(max_lag) >= reference);
    heads.dedup();
    heads
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_blocks_are_the_heads_below_the_newest_that_enough_have() {
        assert_eq!(common_blocks(vec![100, 101, 101], 2, 3), [101, 100]);
        assert_eq!(common_blocks(vec![100, 103], 2, 3), [100]);
        assert_eq!(common_blocks(vec![100, 101, 9_000_000], 2, 3), [100], "an invented head is ignored");
        assert_eq!(common_blocks(vec![100, 101, 0], 2, 3), [100], "an ancient head is ignored");
        assert_eq!(common_blocks(vec![100, 101, 102, 0, 1], 3, 3), [100]);
        assert_eq!(
            common_blocks(vec![100, 104], 2, 3),
            [0; 0],
            "one of the two is wrong, and nobody knows which"
        );
        assert_eq!(common_blocks(vec![100], 2, 3), [0; 0]);
    }

    proptest! {
        /// With fewer liars than K, one is there that K honest ones have, and none is much older than what K honest
        /// ones have.
        #[test]
        fn liars_lead_neither_ahead_nor_far_back(
            honest in prop::collection::vec(1000_u64..1004, 2..5),
            lies in prop::collection::vec(prop_oneof![any::<u64>(), 990_u64..1010], 0..2),
        ) {
            let quorum = 2;
            let all: Vec<_> = honest.iter().chain(&lies).copied().collect();
            let blocks = common_blocks(all, quorum, 3);
            let mut sorted = honest.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert!(blocks.iter().any(|block| *block <= sorted[quorum - 1]));
            prop_assert!(blocks.iter().all(|block| *block <= sorted[0]));
            prop_assert!(blocks.iter().all(|block| block + 6 >= sorted[0]));
        }

        /// Nor if only one honest one answers.
        #[test]
        fn nor_does_a_liar_beside_a_single_honest_one(honest in 1000_u64..2000, lie in any::<u64>()) {
            let blocks = common_blocks(vec![honest, lie], 2, 3);
            prop_assert!(blocks.iter().all(|block| (honest - 3..=honest).contains(block)));
        }
    }
}
