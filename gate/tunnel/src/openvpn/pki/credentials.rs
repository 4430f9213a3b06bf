//! Credentials that the node gave to a peer's client, read from the node's disk.

use std::fs;
use std::io;

use rcgen::{KeyPair, PublicKeyData as _};

use super::{Pki, WHAT, unreachable, with_certificate};
use crate::TunnelError;

/// A peer's certificate and key, and the certificate of the authority, as DER.
pub(in crate::openvpn) struct Credentials {
    pub(in crate::openvpn) authority: Vec<u8>,
    pub(in crate::openvpn) certificate: Vec<u8>,
    pub(in crate::openvpn) key: Vec<u8>,
}

impl Pki {
    /// Reads the credentials of a peer. `None` if it has no certificate of the current authority, or no matching key.
    pub(in crate::openvpn) fn credentials(&self, name: &str) -> Result<Option<Credentials>, TunnelError> {
        let authority = self.authority()?;
        if self.serial(name, &authority.key_id)?.is_none() {
            return Ok(None);
        }
        let text = |file: String| {
            let path = self.path(&file);
            match fs::read_to_string(&path) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(unreachable(&path)(error)),
            }
        };
        let files = (text("ca.crt".to_owned())?, text(format!("{name}.crt"))?, text(format!("{name}.key"))?);
        let (Some(ca), Some(certificate), Some(key)) = files else { return Ok(None) };
        let odd = |_| TunnelError::malformed(WHAT, "the key of a certificate cannot be used");
        let pair = KeyPair::from_pem(&key).map_err(odd)?;
        let fits = with_certificate(certificate.as_bytes(), |certificate| {
            Ok(certificate.public_key().raw == pair.subject_public_key_info())
        })?;
        let found =
            || Some(Credentials { authority: der(&ca)?, certificate: der(&certificate)?, key: der(&key)? });
        Ok(if fits { found() } else { None })
    }
}

fn der(pem: &str) -> Option<Vec<u8>> {
    x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok().map(|(_, pem)| pem.contents)
}
