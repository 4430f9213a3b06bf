//! How many requests of a connection are under way, to notice when nobody wants anything of it any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

use super::answer::Body;

/// The requests of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<watch::Sender<usize>>);

/// One of them, under way until it is dropped.
#[derive(Debug)]
pub(super) struct One(UnderWay);

impl UnderWay {
    /// One more.
    pub(super) fn one(&self) -> One {
        self.0.send_modify(|requests| *requests += 1);
        One(self.clone())
    }

    /// Waits until none has been under way for so long.
    pub(super) async fn quiet(&self, time: Duration) {
        let mut requests = self.0.subscribe();
        // The other end of the channel is here.
        while requests.wait_for(|requests| *requests == 0).await.is_ok() {
            if timeout(time, requests.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| *requests -= 1);
    }
}

impl One {
    /// The same body; it is under way until that is sent.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Sent { body, _one: self }.boxed_unsync()
    }
}

struct Sent {
    body: Body,
    _one: One,
}

impl hyper::body::Body for Sent {
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
    use crate::edge::answer;

    const TIME: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn it_is_quiet_once_everything_is_sent() {
        let under_way = UnderWay::default();
        timeout(2 * TIME, under_way.quiet(TIME)).await.unwrap();
        let body = under_way.one().until_sent(answer::full("yes"));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(timeout(2 * TIME, under_way.quiet(TIME)).await.is_err(), "an answer waits");
        assert_eq!(body.collect().await.unwrap().to_bytes(), "yes");
        let again = async {
            tokio::time::sleep(TIME / 2).await;
            drop(under_way.one());
        };
        let begun = tokio::time::Instant::now();
        tokio::join!(under_way.quiet(TIME), again);
        assert!(begun.elapsed() >= TIME + TIME / 2, "somebody asked in between");
    }
}
