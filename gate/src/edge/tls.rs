//! TLS certificate of the listener. Stock clients do not verify it, so the default is a self-signed P-256 certificate: its
//! TLS handshake costs half of one with the node's P-384 certificate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use service_runtime::atomic_file::{self, PRIVATE_FILE_MODE};

use crate::config;

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// Validity of ten years: stock clients do not verify it, and an expired certificate would break only careful clients.
const VALIDITY_DAYS: i64 = 3650;

/// Error while loading or creating the certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// A file contains no PEM of the expected kind.
    #[error("{path}: no usable PEM: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The PEM error.
        source: rustls::pki_types::pem::Error,
    },
    /// The self-signed certificate cannot be created.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// Certificate and key do not match or are unsuitable for TLS.
    #[error("certificate not usable: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Returns the TLS settings of the listener: HTTP/2 and HTTP/1.1.
pub fn server_config(home: &Path, gate: &config::GateSection) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = if gate.tls_cert.as_os_str().is_empty() {
        self_signed(home, &gate.public_url)?
    } else {
        (gate.tls_cert.clone(), gate.tls_key.clone())
    };
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem(&certificate))?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(pem(&key))?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Returns the paths of the self-signed certificate and key in `home`; creates them at the first start.
fn self_signed(home: &Path, public_url: &str) -> Result<(PathBuf, PathBuf), TlsError> {
    let (certificate, key) = (home.join(CERTIFICATE), home.join(KEY));
    if !(certificate.exists() && key.exists()) {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let uri = public_url.parse::<http::Uri>().ok();
        let host = uri.as_ref().and_then(http::Uri::host).unwrap_or("localhost");
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.not_after =
            params.not_before.max(time::OffsetDateTime::now_utc()) + time::Duration::days(VALIDITY_DAYS);
        let signed = params.self_signed(&pair)?;
        write(&key, &pair.serialize_pem(), PRIVATE_FILE_MODE)?;
        write(&certificate, &signed.pem(), 0o644)?;
    }
    Ok((certificate, key))
}

/// Writes a file atomically: a full disk must not leave a partial file that prevents later starts.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    atomic_file::write(path, text.as_bytes(), mode)
        .map_err(|source| TlsError::File { path: path.to_owned(), source })
}
