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
enum Mode {
    Open,
    /// Holds everything that the far end sends.
    Held,
    /// Holds the far end's answers to POST requests.
    PostsHeld,
    /// Closes all connections.
    Cut,
}

#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    taken: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts a relay in front of the `HOST:PORT` of this URL.
    pub(crate) async fn before(url: &str) -> Result<Self> {
        let (_, to) = url.split_once("://").context("not a URL")?;
        let to: SocketAddr = to.trim_end_matches('/').parse()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Open);
        let taken = Arc::new(Notify::new());
        let shared = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, to, modes.clone(), Arc::clone(&shared)));
            }
        });
        Ok(Self { address, mode, taken, task })
    }

    /// The relay's own `HOST:PORT`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn open(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Holds back everything that the far end sends from now on.
    pub(crate) fn hold(&self) {
        self.mode.send_replace(Mode::Held);
    }

    /// Holds back the answers to POST requests from now on.
    pub(crate) fn hold_posts(&self) {
        self.mode.send_replace(Mode::PostsHeld);
    }

    /// Ends every connection and accepts none.
    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Waits until a successful answer to a POST is held back.
    pub(crate) async fn holds_one(&self) {
        self.taken.notified().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn carry(near: TcpStream, to: SocketAddr, mut mode: watch::Receiver<Mode>, taken: Arc<Notify>) {
    if *mode.borrow() == Mode::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let posted = AtomicBool::new(false);
    let modes = mode.clone();
    tokio::select! {
        () = there(from_near, to_far, &posted) => {}
        () = back(from_far, to_near, modes, &posted, &taken) => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn there(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, posted: &AtomicBool) {
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

async fn back(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    posted: &AtomicBool,
    taken: &Notify,
) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let is_to_post = posted.load(Ordering::SeqCst);
        if *mode.borrow() == Mode::PostsHeld && is_to_post && bytes.starts_with(b"HTTP/1.1 200") {
            taken.notify_one();
        }
        let goes = |mode: &Mode| *mode != Mode::Held && !(*mode == Mode::PostsHeld && is_to_post);
        let goes_on = mode.wait_for(goes).await.is_ok();
        if !goes_on || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
