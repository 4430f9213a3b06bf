//! Tracks whether a decision used cached data only, or had to query Ethereum or the hub.

use std::cell::Cell;

tokio::task_local! {
    static CACHE_MISSED: Cell<bool>;
}

/// Runs a decision and returns its path, `warm` (cached data only) or `cold`.
pub async fn record_path<F: Future>(decision: F) -> (F::Output, &'static str) {
    let watched = async {
        let made = decision.await;
        (made, if CACHE_MISSED.with(Cell::get) { "cold" } else { "warm" })
    };
    CACHE_MISSED.scope(Cell::new(false), watched).await
}

/// Marks the running decision as one that queried Ethereum or the hub. No effect outside of [`record_path`].
pub(super) fn mark_cache_miss() {
    let _ = CACHE_MISSED.try_with(|asked| asked.set(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_query_makes_path_cold() {
        assert_eq!(record_path(async { 1 }).await, (1, "warm"));
        let asking = record_path(async {
            tokio::task::yield_now().await;
            mark_cache_miss();
            2
        });
        assert_eq!(asking.await, (2, "cold"));
        mark_cache_miss();
        assert_eq!(record_path(async {}).await, ((), "warm"));
    }
}
