//! Whether a decision was made from what is known already, or had to ask Ethereum or the hub.

use std::cell::Cell;

tokio::task_local! {
    static CACHE_MISSED: Cell<bool>;
}

/// Makes a decision and tells its path, `warm` or `cold`.
pub async fn record_path<F: Future>(decision: F) -> (F::Output, &'static str) {
    let watched = async {
        let made = decision.await;
        (made, if CACHE_MISSED.with(Cell::get) { "cold" } else { "warm" })
    };
    CACHE_MISSED.scope(Cell::new(false), watched).await
}

/// The decision under way mark_cache_miss somebody. Nothing happens outside of one.
pub(super) fn mark_cache_miss() {
    let _ = CACHE_MISSED.try_with(|asked| asked.set(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asking_once_makes_it_cold() {
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
