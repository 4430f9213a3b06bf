//! A future that runs to completion even if its awaiting task is dropped.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use tokio::runtime::Handle;

type Panic = Box<dyn std::any::Any + Send>;
type Work<T> = Pin<Box<dyn Future<Output = Result<T, Panic>> + Send>>;

/// Polled by the awaiting task to avoid a thread wake-up, which takes longer than most of the work; spawned as its own
/// task if dropped before completion. The error is the panic of the work.
#[must_use = "the work starts when it is polled or dropped"]
pub(crate) struct RunToCompletion<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> RunToCompletion<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(AssertUnwindSafe(work).catch_unwind())))
    }
}

impl<T: Send + 'static> Future for RunToCompletion<T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let output = work.as_mut().poll(context);
        if output.is_ready() {
            self.0 = None;
        }
        output
    }
}

impl<T: Send + 'static> Drop for RunToCompletion<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn returns_output_or_panic_to_awaiting_task() {
        assert_eq!(RunToCompletion::new(async { 7 }).await.unwrap(), 7);
        let panicked = RunToCompletion::new(async { panic!("on purpose") }).await;
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
    }

    #[tokio::test]
    async fn completes_after_being_dropped() {
        let ((start, started), (finish, finished)) = (oneshot::channel(), oneshot::channel());
        let work = async move {
            started.await.unwrap();
            finish.send(()).unwrap();
        };
        let timed_out = timeout(Duration::from_millis(10), RunToCompletion::new(work)).await;
        assert!(timed_out.is_err(), "the work waits for the start signal");
        start.send(()).unwrap();
        timeout(Duration::from_secs(10), finished).await.unwrap().unwrap();
    }
}
