//! One request and its answer over the control socket.

use std::io::{self, ErrorKind};
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::TunnelError;

/// A peer takes about 300 bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No process listens on the socket.
    NotThere(TunnelError),
    /// Any other error.
    Other(TunnelError),
}

impl From<Failure> for TunnelError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotThere(error) | Failure::Other(error) => error,
        }
    }
}

/// Sends a request and reads the answer up to its empty line.
pub(super) async fn exchange(path: &Path, order: &str) -> Result<String, Failure> {
    let what = || format!("WireGuard's socket {}", path.display());
    let mut stream = UnixStream::connect(path).await.map_err(|error| {
        let told = TunnelError::unreachable(what(), &error);
        // A killed process leaves a socket without a listener behind.
        let gone = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
        if gone { Failure::NotThere(told) } else { Failure::Other(told) }
    })?;
    let broken = |error: io::Error| Failure::Other(TunnelError::unreachable(what(), error));
    stream.write_all(order.as_bytes()).await.map_err(broken)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n\n") {
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Other(TunnelError::malformed(what(), "it is too long")));
        }
        if stream.read_buf(&mut answer).await.map_err(broken)? == 0 {
            return Err(Failure::Other(TunnelError::malformed(what(), "it breaks off")));
        }
    }
    String::from_utf8(answer).map_err(|_| Failure::Other(TunnelError::malformed(what(), "it is no text")))
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    /// Answers one request with `pieces`.
    async fn answered(pieces: &'static [&'static str]) -> Result<String, Failure> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("wg.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        exchange(&path, "get=1\n\n").await
    }

    #[tokio::test]
    async fn reads_answer_up_to_empty_line() {
        assert_eq!(answered(&["errno=", "0\n", "\n"]).await.unwrap(), "errno=0\n\n");
        assert!(matches!(answered(&["errno=0\n"]).await, Err(Failure::Other(_))));
        assert!(matches!(answered(&[]).await, Err(Failure::Other(_))));
    }

    #[tokio::test]
    async fn rejects_endless_answer() {
        let line: &'static str = Box::leak("x=1\n".repeat(1024 * 1024).into_boxed_str());
        let error = answered(Box::leak(vec![line; 5].into_boxed_slice())).await.unwrap_err();
        assert!(TunnelError::from(error).to_string().contains("too long"));
    }

    #[tokio::test]
    async fn reports_socket_without_listener_as_missing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("wg.sock");
        assert!(matches!(exchange(&path, "get=1\n\n").await, Err(Failure::NotThere(_))));
        drop(UnixListener::bind(&path).unwrap());
        assert!(matches!(exchange(&path, "get=1\n\n").await, Err(Failure::NotThere(_))));
    }
}
