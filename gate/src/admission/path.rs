//! Whether a decision was made from what is known already, or had to ask Ethereum or the hub.

use std::cell::Cell;

tokio::task_local! {
    static ASKED: Cell<bool>;
}

/// Makes a decision and tells its path, `warm` or `cold`.
pub async fn observe<F: Future>(decision: F) -> (F::Output, &'static str) {
    let watched = async {
        let made = decision.await;
        (made, if ASKED.with(Cell::get) { "cold" } else { "warm" })
    };
    ASKED.scope(Cell::new(false), watched).await
}

/// The decision under way asks somebody. Nothing happens outside of one.
pub(super) fn asks() {
    let _ = ASKED.try_with(|asked| asked.set(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asking_once_makes_it_cold() {
        assert_eq!(observe(async { 1 }).await, (1, "warm"));
        let asking = observe(async {
            tokio::task::yield_now().await;
            asks();
            2
        });
        assert_eq!(asking.await, (2, "cold"));
        asks();
        assert_eq!(observe(async {}).await, ((), "warm"));
    }
}
