//! Check whether the node answers now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::NodeInfoSource;

/// Maximum age of a liveness result: peers are restored several at a time.
const LIVENESS_MAX_AGE: Duration = Duration::from_secs(1);

/// Returns a check whether the node answers now. It reuses a recent result, since peers are restored several at a time.
pub fn liveness_check<S: NodeInfoSource>(
    source: Arc<S>,
) -> Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync> {
    let last: Arc<tokio::sync::Mutex<Option<(Instant, bool)>>> = Arc::default();
    Arc::new(move || {
        let (source, last) = (Arc::clone(&source), Arc::clone(&last));
        Box::pin(async move {
            let mut last = last.lock().await;
            if let Some((at, answered)) = *last
                && at.elapsed() < LIVENESS_MAX_AGE
            {
                return answered;
            }
            let answered = source.query_info().await.is_ok();
            *last = Some((Instant::now(), answered));
            answered
        })
    })
}
