//! Network namespace of the tunnel service: that of this process, or another one.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::TunnelError;

/// Maximum time to connect on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A network namespace.
#[derive(Debug, Clone)]
pub(super) struct NetNamespace {
    namespace: Option<PathBuf>,
}

impl NetNamespace {
    pub(super) fn new(namespace: Option<PathBuf>) -> Self {
        Self { namespace }
    }

    /// Runs blocking work in this namespace. Sockets opened by the work stay there.
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
        // A dedicated thread that ends with the work: a thread that entered another namespace must not be reused.
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
        let connected =
            self.run(move || std::net::TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)).await?;
        adopted(connected, address, what)
    }

    /// Connects from inside this namespace and marks every packet for the rules of the firewall.
    pub(super) async fn connect_marked(
        &self,
        address: SocketAddr,
        mark: u32,
        what: &str,
    ) -> Result<TcpStream, TunnelError> {
        let connected = self.run(move || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_mark(mark)?;
            socket.connect_timeout(&address.into(), CONNECT_TIMEOUT)?;
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
