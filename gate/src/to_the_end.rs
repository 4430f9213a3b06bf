//! Work that comes to its end whether or not anybody waits for it.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use tokio::runtime::Handle;

type Panic = Box<dyn std::any::Any + Send>;
type Work<T> = Pin<Box<dyn Future<Output = Result<T, Panic>> + Send>>;

/// Done by whoever waits for it, since to wake another thread and to be woken by it takes longer than most of the
/// work. When nobody waits any more it becomes a task of its own. The error is a panic.
#[must_use = "nothing is done before somebody waits for it"]
pub(crate) struct ToTheEnd<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> ToTheEnd<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(AssertUnwindSafe(work).catch_unwind())))
    }
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let done = work.as_mut().poll(context);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
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
    async fn who_waits_gets_what_came_of_it() {
        assert_eq!(ToTheEnd::new(async { 7 }).await.unwrap(), 7);
        let broken = ToTheEnd::new(async { panic!("on purpose") }).await;
        assert_eq!(broken.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
    }

    #[tokio::test]
    async fn it_goes_on_when_nobody_waits_any_more() {
        let ((go, gone), (tell, told)) = (oneshot::channel(), oneshot::channel());
        let work = async move {
            gone.await.unwrap();
            tell.send(()).unwrap();
        };
        let waited = timeout(Duration::from_millis(10), ToTheEnd::new(work)).await;
        assert!(waited.is_err(), "it waits for a word");
        go.send(()).unwrap();
        timeout(Duration::from_secs(10), told).await.unwrap().unwrap();
    }
}
