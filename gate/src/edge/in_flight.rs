//! Count of a connection's requests in flight, to detect an idle connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

use super::envelope::Body;

/// Requests in flight of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<watch::Sender<usize>>);

/// One request in flight, until dropped.
#[derive(Debug)]
pub(super) struct InFlightGuard(InFlight);

impl InFlight {
    /// Counts one request until the guard is dropped.
    pub(super) fn start(&self) -> InFlightGuard {
        self.0.send_modify(|requests| *requests += 1);
        InFlightGuard(self.clone())
    }

    /// Waits until no request has been in flight for `time`.
    pub(super) async fn wait_idle(&self, time: Duration) {
        let mut requests = self.0.subscribe();
        // The sender is `self.0`, so the channel stays open.
        while requests.wait_for(|requests| *requests == 0).await.is_ok() {
            if timeout(time, requests.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| *requests -= 1);
    }
}

impl InFlightGuard {
    /// Returns the body with the guard, which is dropped after the body is sent.
    pub(super) fn hold_until_sent(self, body: Body) -> Body {
        GuardedBody { body, _guard: self }.boxed_unsync()
    }
}

struct GuardedBody {
    body: Body,
    _guard: InFlightGuard,
}

impl hyper::body::Body for GuardedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Body as _;

    use super::*;
    use crate::edge::envelope;

    const TIME: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn is_idle_after_every_response_is_sent() {
        let in_flight = InFlight::default();
        timeout(2 * TIME, in_flight.wait_idle(TIME)).await.unwrap();
        let body = in_flight.start().hold_until_sent(envelope::full_body("yes"));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(timeout(2 * TIME, in_flight.wait_idle(TIME)).await.is_err(), "a response is pending");
        assert_eq!(body.collect().await.unwrap().to_bytes(), "yes");
        let again = async {
            tokio::time::sleep(TIME / 2).await;
            drop(in_flight.start());
        };
        let begun = tokio::time::Instant::now();
        tokio::join!(in_flight.wait_idle(TIME), again);
        assert!(begun.elapsed() >= TIME + TIME / 2, "a request restarts the idle time");
    }
}
