//! A TCP relay between the gate and another program, which holds answers back or cuts connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// Behaviour of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RelayMode {
    Open,
    /// Holds everything that the far end sends.
    HoldAnswers,
    /// Holds the far end's answers to `POST` requests.
    HoldPostAnswers,
    /// Closes all connections.
    Closed,
}

#[derive(Debug)]
pub(crate) struct TcpRelay {
    address: SocketAddr,
    mode: watch::Sender<RelayMode>,
    answer_held: Arc<Notify>,
    task: JoinHandle<()>,
}

impl TcpRelay {
    /// Starts a relay in front of the `HOST:PORT` of this URL.
    pub(crate) async fn in_front_of(url: &str) -> Result<Self> {
        let (_, to) = url.split_once("://").context("not a URL")?;
        let to: SocketAddr = to.trim_end_matches('/').parse()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(RelayMode::Open);
        let answer_held = Arc::new(Notify::new());
        let shared = Arc::clone(&answer_held);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relay_connection(stream, to, modes.clone(), Arc::clone(&shared)));
            }
        });
        Ok(Self { address, mode, answer_held, task })
    }

    /// The relay's own `HOST:PORT`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn open(&self) {
        self.mode.send_replace(RelayMode::Open);
    }

    /// Holds back everything that the far end sends from now on.
    pub(crate) fn hold_answers(&self) {
        self.mode.send_replace(RelayMode::HoldAnswers);
    }

    /// Holds back the answers to `POST` requests from now on.
    pub(crate) fn hold_post_answers(&self) {
        self.mode.send_replace(RelayMode::HoldPostAnswers);
    }

    /// Ends every connection and accepts none.
    pub(crate) fn cut(&self) {
        self.mode.send_replace(RelayMode::Closed);
    }

    /// Waits until a successful answer to a `POST` is held back.
    pub(crate) async fn wait_for_held_answer(&self) {
        self.answer_held.notified().await;
    }
}

impl Drop for TcpRelay {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn relay_connection(
    near: TcpStream,
    to: SocketAddr,
    mut mode: watch::Receiver<RelayMode>,
    answer_held: Arc<Notify>,
) {
    if *mode.borrow() == RelayMode::Closed {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let posted = AtomicBool::new(false);
    let modes = mode.clone();
    tokio::select! {
        () = relay_requests(from_near, to_far, &posted) => {}
        () = relay_answers(from_far, to_near, modes, &posted, &answer_held) => {}
        _ = mode.wait_for(|mode| *mode == RelayMode::Closed) => {}
    }
}

async fn relay_requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, posted: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        // Requests follow each other on one connection.
        if bytes.starts_with(b"POST ") || bytes.starts_with(b"GET ") {
            posted.store(bytes.starts_with(b"POST "), Ordering::SeqCst);
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

async fn relay_answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<RelayMode>,
    posted: &AtomicBool,
    answer_held: &Notify,
) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let is_to_post = posted.load(Ordering::SeqCst);
        if *mode.borrow() == RelayMode::HoldPostAnswers && is_to_post && bytes.starts_with(b"HTTP/1.1 200") {
            answer_held.notify_one();
        }
        let goes = |mode: &RelayMode| {
            *mode != RelayMode::HoldAnswers && !(*mode == RelayMode::HoldPostAnswers && is_to_post)
        };
        let goes_on = mode.wait_for(goes).await.is_ok();
        if !goes_on || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
