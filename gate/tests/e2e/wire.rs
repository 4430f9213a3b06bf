//! Raw TCP and TLS connections, for requests that an HTTP library does not send.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

/// Longest time to wait for an answer.
const LONGEST: Duration = Duration::from_secs(20);

/// A plain TCP connection to a gate.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    /// Bytes that have been received and not been read yet.
    rest: Vec<u8>,
}

impl Wire {
    /// Connects without TLS from a fresh address.
    pub(crate) async fn plain(gate: &GateInfo) -> Result<Self> {
        Self::from_address(gate, Caller::fresh_address()).await
    }

    /// Connects without TLS from this loopback address.
    pub(crate) async fn from_address(gate: &GateInfo, source: Ipv4Addr) -> Result<Self> {
        Ok(Self { stream: connect(gate, source, None).await?, rest: Vec::new() })
    }

    /// Connects with a small receive buffer.
    pub(crate) async fn narrow(gate: &GateInfo) -> Result<Self> {
        let stream = connect(gate, Caller::fresh_address(), Some(4096)).await?;
        Ok(Self { stream, rest: Vec::new() })
    }

    /// Whether the gate closes the connection within this time without sending anything.
    pub(crate) async fn ends_within(&mut self, time: Duration) -> bool {
        matches!(tokio::time::timeout(time, self.more()).await, Ok(Ok(0)))
    }

    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Everything received until the connection ends or no byte has come for `quiet`, decoded lossily.
    pub(crate) async fn until_quiet(&mut self, quiet: Duration) -> Result<String> {
        let mut patience = Duration::from_secs(5);
        while let Ok(Ok(1..)) = tokio::time::timeout(patience, self.more()).await {
            patience = quiet;
        }
        Ok(String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned())
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Result<String> {
        self.until("\r\n\r\n").await
    }

    /// Requires that the next answer is a refusal in the envelope.
    pub(crate) async fn expect_refusal(&mut self, status: u16, code: u64) -> Result<()> {
        let head = self.head().await?;
        ensure!(head.starts_with(&format!("HTTP/1.1 {status} ")), "answered with {head}");
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.context("no length")?.parse()?;
        while self.rest.len() < length {
            ensure!(self.more().await? > 0, "the answer is cut off");
        }
        let body: Value = serde_json::from_slice(&self.rest[..length])?;
        self.rest.drain(..length);
        ensure!(body["success"] == false && body["error"]["code"] == code, "answered with {body}");
        Ok(())
    }

    /// Requires that the connection ends without further bytes.
    pub(crate) async fn expect_end(&mut self) -> Result<()> {
        let rest = self.everything().await?;
        ensure!(rest.is_empty(), "more comes: {rest}");
        Ok(())
    }

    /// Everything received until the connection ends.
    pub(crate) async fn everything(&mut self) -> Result<String> {
        while self.more().await? > 0 {}
        Ok(String::from_utf8(std::mem::take(&mut self.rest))?)
    }

    /// Everything received until the connection ends or is idle for 100 ms.
    pub(crate) async fn everything_or_idle(&mut self) -> Result<String> {
        let mut text = self.head().await?;
        while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_millis(100), self.more()).await {}
        text.push_str(&String::from_utf8(std::mem::take(&mut self.rest))?);
        Ok(text)
    }

    async fn until(&mut self, end: &str) -> Result<String> {
        loop {
            let found = self.rest.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let text: Vec<u8> = self.rest.drain(..at + end.len()).collect();
                return Ok(String::from_utf8(text)?);
            }
            ensure!(self.more().await? > 0, "it ends after {:?}", String::from_utf8_lossy(&self.rest));
        }
    }

    async fn more(&mut self) -> Result<usize> {
        let read = tokio::time::timeout(LONGEST, self.stream.read_buf(&mut self.rest)).await;
        match read.context("no answer")? {
            // Unread bytes on the gate's side make the kernel reset a connection instead of closing it.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(0),
            read => Ok(read?),
        }
    }
}

async fn connect(gate: &GateInfo, source: Ipv4Addr, buffer: Option<u32>) -> Result<TcpStream> {
    let port: u16 = gate.url.rsplit(':').next().context("a port")?.parse()?;
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    Ok(socket.connect(([127, 0, 0, 1], port).into()).await?)
}

/// An HTTP/2 client over TLS.
#[derive(Debug)]
pub(crate) struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

/// An answer over HTTP/2.
#[derive(Debug)]
pub(crate) struct Http2Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    body: Bytes,
}

impl Http2Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Connects with TLS and requires that this protocol is negotiated.
pub(crate) async fn tls(gate: &GateInfo, protocol: &[u8]) -> Result<TlsStream<TcpStream>> {
    let mut config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(certificate::Any::new()))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect(ServerName::try_from("gate.example")?, connect(gate, Caller::fresh_address(), None).await?)
        .await?;
    ensure!(stream.get_ref().1.alpn_protocol() == Some(protocol), "{protocol:?} is not spoken");
    Ok(stream)
}

/// Connects with TLS and HTTP/2.
pub(crate) async fn http2(gate: &GateInfo) -> Result<Http2> {
    let stream = tls(gate, b"h2").await?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(Http2 { sender, authority: "gate.example".to_owned() })
}

impl Http2 {
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Vec<u8>) -> Result<Http2Answer> {
        let uri = format!("https://{}{path}", self.authority);
        let request = Request::builder().method(method).uri(uri).body(Full::new(body.into()))?;
        let answer = tokio::time::timeout(LONGEST, self.sender.send_request(request)).await??;
        let (status, version) = (answer.status(), answer.version());
        Ok(Http2Answer { status, version, body: answer.into_body().collect().await?.to_bytes() })
    }
}

/// Accepts any certificate, as stock clients do.
mod certificate {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct Any(CryptoProvider);

    impl Any {
        pub(super) fn new() -> Self {
            Self(ring::default_provider())
        }
    }

    impl ServerCertVerifier for Any {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
