//! Where the tunnel service lives: the gate's own network namespace, or another one.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::TunnelError;

/// Longest time for a connection on the same machine.
const CONNECT: Duration = Duration::from_secs(2);

/// A network namespace.
#[derive(Debug, Clone)]
pub(super) struct Place {
    namespace: Option<PathBuf>,
}

impl Place {
    pub(super) fn new(namespace: Option<PathBuf>) -> Self {
        Self { namespace }
    }

    /// Runs something that may block, in this namespace. Sockets that it opens stay there.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TunnelError> {
        let Some(path) = self.namespace.clone() else {
            let done = tokio::task::spawn_blocking(work).await;
            return done.map_err(|error| TunnelError::unreachable("the tunnel service", error));
        };
        let what = format!("the network namespace {}", path.display());
        let (done, wait) = oneshot::channel();
        // A thread of its own, which ends with the work: one that was in another namespace serves nobody else.
        std::thread::Builder::new()
            .name("in-namespace".into())
            .spawn(move || {
                let entered = File::open(path).and_then(|file| Ok(setns(file, CloneFlags::CLONE_NEWNET)?));
                let _ = done.send(entered.map(|()| work()));
            })
            .map_err(|error| TunnelError::unreachable(&what, error))?;
        match wait.await {
            Ok(worked) => worked.map_err(|error| TunnelError::unreachable(&what, error)),
            Err(_) => Err(TunnelError::unreachable(&what, "the thread inside broke down")),
        }
    }

    /// Connects from inside this namespace.
    pub(super) async fn connect(&self, address: SocketAddr, what: &str) -> Result<TcpStream, TunnelError> {
        let connected = self.run(move || std::net::TcpStream::connect_timeout(&address, CONNECT)).await?;
        adopted(connected, address, what)
    }

    /// Connects from inside this namespace, every packet with a mark that rules of the firewall see.
    pub(super) async fn connect_marked(
        &self,
        address: SocketAddr,
        mark: u32,
        what: &str,
    ) -> Result<TcpStream, TunnelError> {
        let connected = self.run(move || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_mark(mark)?;
            socket.connect_timeout(&address.into(), CONNECT)?;
            Ok(socket.into())
        });
        adopted(connected.await?, address, what)
    }
}

fn adopted(
    connected: std::io::Result<std::net::TcpStream>,
    address: SocketAddr,
    what: &str,
) -> Result<TcpStream, TunnelError> {
    let adopt = |stream: std::net::TcpStream| {
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    };
    connected.and_then(adopt).map_err(|error| TunnelError::unreachable(format!("{what} at {address}"), error))
}
