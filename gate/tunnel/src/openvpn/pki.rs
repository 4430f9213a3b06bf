//! The node's directory of keys and certificates. The gate reads all of it and writes one file: the revocation list.

mod credentials;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{Issuer, KeyPair, PublicKeyData as _};
use service_runtime::atomic_file::AtomicFile;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use super::crl::{self, Crl, Entry};
use crate::TunnelError;

pub(super) use self::credentials::Credentials;

const WHAT: &str = "OpenVPN's keys";
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Whether the text is a canonical uuid, which is how the node names a peer's certificate.
pub(crate) fn is_name(text: &str) -> bool {
    let dash = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    let fits = |(index, byte): (usize, u8)| match byte {
        b'-' => dash(index),
        b'0'..=b'9' | b'a'..=b'f' => !dash(index),
        _ => false,
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// A peer that has a certificate of the node's present authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertifiedPeer {
    pub(super) name: String,
    pub(super) serial: Vec<u8>,
    /// Whether it is on the revocation list, by the gate or by the node.
    pub(super) held: bool,
}

/// State of the revocation list between calls.
#[derive(Debug, Default)]
struct CrlState {
    /// Serial numbers that the gate has put on the list.
    held: BTreeSet<Vec<u8>>,
    /// The file as it was read last.
    seen: Option<FileStamp>,
    /// Peers with unreadable certificates that were logged.
    unreadable: BTreeSet<String>,
}

/// Identifies a version of a file: inode, size and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp(u64, u64, i64, i64);

pub(super) struct Pki {
    directory: PathBuf,
    memory: Mutex<CrlState>,
}

impl Pki {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, memory: Mutex::default() }
    }

    /// Puts these peers on the list. Peers without a certificate cannot connect anyway.
    pub(super) fn hold(&self, names: &BTreeSet<String>) -> Result<(), TunnelError> {
        let authority = self.authority()?;
        let mut memory = self.memory();
        for name in names {
            memory.held.extend(self.serial(name, &authority.key_id)?);
        }
        self.merge(&authority, &mut memory, false).map(drop)
    }

    /// Takes a peer off the list, unless the node put it there. Returns whether the peer may connect now.
    pub(super) fn release(&self, name: &str) -> Result<bool, TunnelError> {
        let authority = self.authority()?;
        let mut memory = self.memory();
        let Some(serial) = self.serial(name, &authority.key_id)? else { return Ok(false) };
        let mut list = self.list(&authority)?;
        memory.held.remove(&serial);
        match list.entries.get(&serial) {
            Some(entry) if !entry.is_held() => return Ok(false),
            Some(_) => list.entries.remove(&serial),
            None => return Ok(true),
        };
        self.write(&authority, &list, &mut memory)?;
        Ok(true)
    }

    /// Adds the gate's entries again if the node has dropped them, and signs the list again before it expires. Returns
    /// whether it was written. Without `thoroughly`, checks only a file that has changed.
    pub(super) fn repair_crl(&self, thoroughly: bool) -> Result<bool, TunnelError> {
        let mut memory = self.memory();
        if !thoroughly && memory.seen.is_some() && memory.seen == stamp(&self.path("ca.rl")).ok() {
            return Ok(false);
        }
        let authority = self.authority()?;
        self.merge(&authority, &mut memory, true)
    }

    /// Names of the peers that the gate has put on the list.
    pub(super) fn held_names(&self) -> Result<BTreeSet<String>, TunnelError> {
        if self.memory().held.is_empty() {
            return Ok(BTreeSet::new());
        }
        let certificates = self.certificates()?;
        let memory = self.memory();
        let held = certificates.into_iter().filter(|known| memory.held.contains(&known.serial));
        Ok(held.map(|known| known.name).collect())
    }

    /// Lists peers with a certificate of the current authority. Peers of earlier authorities cannot connect.
    pub(super) fn certificates(&self) -> Result<Vec<CertifiedPeer>, TunnelError> {
        let authority = self.authority()?;
        let list = self.list(&authority)?;
        let mut known = Vec::new();
        for file in fs::read_dir(&self.directory).map_err(unreachable(&self.directory))? {
            let file = file.map_err(unreachable(&self.directory))?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".crt")).filter(|name| is_name(name));
            let Some(name) = name else { continue };
            match self.serial(name, &authority.key_id) {
                Ok(Some(serial)) => {
                    let held = list.entries.contains_key(&serial);
                    known.push(CertifiedPeer { name: name.to_owned(), serial, held });
                }
                Ok(None) => {}
                // A file that a power cut has left empty does not hide other peers.
                Err(TunnelError::Malformed { .. }) => self.skip(name),
                Err(error) => return Err(error),
            }
        }
        Ok(known)
    }

    fn skip(&self, name: &str) {
        if self.memory().unreadable.insert(name.to_owned()) {
            let file = self.path(&format!("{name}.crt"));
            tracing::warn!(file = %file.display(), "not a certificate: its peer is taken for one that is not there");
        }
    }

    fn merge(&self, authority: &Authority, memory: &mut CrlState, renew: bool) -> Result<bool, TunnelError> {
        let mut list = self.list(authority)?;
        // The gate's entries from before its restart.
        let held = list.entries.iter().filter(|(_, entry)| entry.is_held());
        memory.held.extend(held.map(|(serial, _)| serial.clone()));
        let now = OffsetDateTime::now_utc();
        let missing: Vec<_> =
            memory.held.iter().filter(|serial| !list.entries.contains_key(*serial)).cloned().collect();
        if missing.is_empty() && !(renew && list.expires_soon(now)) {
            memory.seen = stamp(&self.path("ca.rl")).ok();
            return Ok(false);
        }
        list.entries.extend(missing.into_iter().map(|serial| (serial, Entry::held(now))));
        self.write(authority, &list, memory)?;
        Ok(true)
    }

    fn list(&self, authority: &Authority) -> Result<Crl, TunnelError> {
        Crl::parse(&read(&self.path("ca.rl"))?, &authority.key_id)
    }

    /// Replaces the list atomically: OpenVPN never reads half of it.
    fn write(&self, authority: &Authority, list: &Crl, memory: &mut CrlState) -> Result<(), TunnelError> {
        let path = self.path("ca.rl");
        let text = list.sign(&authority.issuer, &authority.key_id, OffsetDateTime::now_utc())?;
        let back = Crl::parse(text.as_bytes(), &authority.key_id)?;
        if back.entries.keys().ne(list.entries.keys()) {
            return Err(TunnelError::malformed(WHAT, "the list that we wrote is another one"));
        }
        let replaced = replace(&path, &text).map_err(unreachable(&path))?;
        memory.seen = Some(replaced);
        Ok(())
    }

    /// The serial number of a peer's certificate, if the authority with this key signed it.
    fn serial(&self, name: &str, key_id: &[u8]) -> Result<Option<Vec<u8>>, TunnelError> {
        let path = self.path(&format!("{name}.crt"));
        let pem = match fs::read(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreachable(&path)(error)),
        };
        with_certificate(&pem, |certificate| {
            let ours = certificate.extensions().iter().any(|extension| {
                matches!(extension.parsed_extension(), ParsedExtension::AuthorityKeyIdentifier(id)
                    if id.key_identifier.as_ref().is_some_and(|id| id.0 == key_id))
            });
            Ok(ours.then(|| crl::trim_serial(certificate.raw_serial())))
        })
    }

    fn authority(&self) -> Result<Authority, TunnelError> {
        let text = |name: &str| {
            let bytes = read(&self.path(name))?;
            String::from_utf8(bytes).map_err(|_| TunnelError::malformed(WHAT, format!("{name} is no text")))
        };
        let (certificate, key) = (text("ca.crt")?, text("ca.key")?);
        let odd = |why: &str| TunnelError::malformed(WHAT, why);
        let key = KeyPair::from_pem(&key).map_err(|_| odd("ca.key cannot be used"))?;
        let key_id = with_certificate(certificate.as_bytes(), |certificate| {
            // A starting node writes both files, one after the other.
            if certificate.public_key().raw != key.subject_public_key_info() {
                return Err(odd("ca.key is not the key of ca.crt"));
            }
            let id =
                certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                    ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                    _ => None,
                });
            id.ok_or_else(|| odd("ca.crt has no key id"))
        })?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(|_| odd("ca.crt cannot be used"))?;
        Ok(Authority { issuer, key_id })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn memory(&self) -> MutexGuard<'_, CrlState> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Authority that signs certificates and the revocation list.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    key_id: Vec<u8>,
}

fn with_certificate<T>(
    pem: &[u8],
    look: impl FnOnce(&X509Certificate<'_>) -> Result<T, TunnelError>,
) -> Result<T, TunnelError> {
    let odd = || TunnelError::malformed(WHAT, "a certificate is none");
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| odd())?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents).map_err(|_| odd())?;
    look(&certificate)
}

fn unreachable(path: &Path) -> impl Fn(io::Error) -> TunnelError + '_ {
    move |error| TunnelError::unreachable(path.display(), error)
}

fn read(path: &Path) -> Result<Vec<u8>, TunnelError> {
    let long = fs::metadata(path).map_err(unreachable(path))?.len() > MAX_FILE_BYTES;
    if long {
        return Err(TunnelError::malformed(path.display(), "it is too long"));
    }
    fs::read(path).map_err(unreachable(path))
}

fn stamp(path: &Path) -> io::Result<FileStamp> {
    let meta = fs::metadata(path)?;
    Ok(FileStamp(meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Replaces a file and keeps its permissions. OpenVPN reads the list again when size or time, in whole seconds, differ,
/// so the new time is always later.
fn replace(path: &Path, text: &str) -> io::Result<FileStamp> {
    let old = fs::metadata(path)?;
    let mut draft = AtomicFile::create(path, old.permissions().mode() & 0o777)?;
    io::Write::write_all(&mut draft, text.as_bytes())?;
    let later = old.modified()? + Duration::from_secs(1);
    if SystemTime::now() < later {
        draft.file().set_modified(later)?;
    }
    draft.commit()?;
    stamp(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_canonical_uuids() {
        assert!(is_name("0f3c1f6e-6f0a-4b7e-8d11-0123456789ab"));
        for odd in [
            "",
            "server",
            "../../../../../../../../etc/passwd-aa",
            "0F3C1F6E-6F0A-4B7E-8D11-0123456789AB",
            "0f3c1f6e-6f0a-4b7e-8d11-0123456789ab ",
            "0f3c1f6e6f0a-4b7e-8d11--0123456789ab",
        ] {
            assert!(!is_name(odd), "{odd}");
        }
    }

    #[test]
    fn replaced_file_has_later_time_and_same_permissions() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ca.rl");
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let first = fs::metadata(&path).unwrap();
        for text in ["two", "six"] {
            let before = fs::metadata(&path).unwrap().mtime();
            replace(&path, text).unwrap();
            assert!(fs::metadata(&path).unwrap().mtime() > before);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "six");
        assert_eq!(fs::metadata(&path).unwrap().mode(), first.mode());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
