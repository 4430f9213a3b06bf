//! Very many clients that stay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sentinel_stack::actors::Caller;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// An idle connection is closed by the gate after 10 s.
const REQUEST_INTERVAL: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET /gate/openapi.json HTTP/1.1\r\nhost: bench\r\n\r\n";
const MAX_PARALLEL_OPENINGS: usize = 64;

/// Open connections; they close when this is dropped.
pub(super) struct Open {
    held: Arc<AtomicUsize>,
    _clients: JoinSet<()>,
}

impl Open {
    /// Closes them; how many there were.
    pub(super) fn close(self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

/// Opens `count` TLS connections, each of a client with an address of its own that asks something now and then.
pub(super) async fn open(address: &str, count: usize) -> Result<Open> {
    let address: SocketAddr = address.parse()?;
    let provider = CryptoProvider::get_default().context("no cryptography")?;
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(Arc::clone(provider))))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let held = Arc::new(AtomicUsize::new(0));
    let turns = Arc::new(tokio::sync::Semaphore::new(MAX_PARALLEL_OPENINGS));
    let mut clients = JoinSet::new();
    for _ in 0..count {
        let (connector, held, turns) = (connector.clone(), Arc::clone(&held), Arc::clone(&turns));
        clients.spawn(async move {
            if let Err(error) = stay(address, &connector, &held, &turns).await {
                tracing::warn!("a connection ended: {error:#}");
            }
        });
    }
    for _ in 0..600 {
        if held.load(Ordering::SeqCst) == count {
            return Ok(Open { held, _clients: clients });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("only {} of {count} connections within a minute", held.load(Ordering::SeqCst))
}

async fn stay(
    address: SocketAddr,
    connector: &TlsConnector,
    held: &AtomicUsize,
    turns: &tokio::sync::Semaphore,
) -> Result<()> {
    let mut stream = {
        let _turn = turns.acquire().await?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((Caller::fresh_address(), 0).into())?;
        let stream = socket.connect(address).await?;
        let mut stream = connector.connect(ServerName::try_from("bench")?, stream).await?;
        ask(&mut stream).await?;
        stream
    };
    held.fetch_add(1, Ordering::SeqCst);
    let ended = async {
        loop {
            tokio::time::sleep(REQUEST_INTERVAL).await;
            ask(&mut stream).await?;
        }
    };
    let ended: Result<()> = ended.await;
    held.fetch_sub(1, Ordering::SeqCst);
    ended
}

async fn ask(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> Result<()> {
    stream.write_all(REQUEST).await?;
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut part).await?;
        ensure!(read > 0, "closed");
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
        if is_whole(&answer)? {
            return Ok(());
        }
    }
}

/// Whether head and body are there.
fn is_whole(answer: &[u8]) -> Result<bool> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_lowercase();
    ensure!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).context("no length")?;
    Ok(answer.len() >= end + 4 + length.trim().parse::<usize>()?)
}

/// Stock clients take any certificate.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
