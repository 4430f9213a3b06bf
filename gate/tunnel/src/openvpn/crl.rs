//! Reads the certificate revocation list and signs a new one with the node's own key.

use std::collections::BTreeMap;

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams,
    SerialNumber,
};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, ParsedExtension};
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::ReasonCode;

use crate::TunnelError;

const WHAT: &str = "OpenVPN's list of revoked certificates";
/// Validity of a list that the gate signs; the node's own is valid for a day.
const CRL_VALIDITY: Duration = Duration::days(7);
/// A list with less remaining validity than this is signed again.
const MIN_REMAINING_VALIDITY: Duration = Duration::hours(12);
/// The issue time is set back by this much, so that a clock set back does not make the list invalid.
const BACKDATED: Duration = Duration::days(1);

/// One revoked certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) since: OffsetDateTime,
    pub(super) reason: Option<u8>,
}

/// Reason code of the gate's entries; the node uses another one.
pub(super) const HELD: u8 = RevocationReason::CertificateHold as u8;

impl Entry {
    pub(super) fn held(since: OffsetDateTime) -> Self {
        Self { since, reason: Some(HELD) }
    }

    pub(super) fn is_held(&self) -> bool {
        self.reason == Some(HELD)
    }
}

/// The list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crl {
    /// By serial number, without leading zeros.
    pub(super) entries: BTreeMap<Vec<u8>, Entry>,
    number: u64,
    until: OffsetDateTime,
}

impl Crl {
    /// Parses the list of the authority with this key id.
    pub(super) fn parse(pem: &[u8], authority: &[u8]) -> Result<Self, TunnelError> {
        let odd = |why: &str| TunnelError::malformed(WHAT, why);
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| odd("it is no PEM"))?;
        let (_, list) =
            CertificateRevocationList::from_der(&pem.contents).map_err(|_| odd("it is no list"))?;
        let signer = list.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
            _ => None,
        });
        if signer.is_some_and(|signer| signer.0 != authority) {
            return Err(odd("it is of another authority"));
        }
        let entries = list.iter_revoked_certificates().map(|revoked| {
            let reason = revoked.reason_code().map(|(_, ReasonCode(reason))| reason);
            (
                trim_serial(revoked.raw_serial()),
                Entry { since: revoked.revocation_date.to_datetime(), reason },
            )
        });
        Ok(Self {
            entries: entries.collect(),
            number: list.crl_number().and_then(|number| number.try_into().ok()).unwrap_or(0),
            until: list.next_update().ok_or_else(|| odd("it has no end"))?.to_datetime(),
        })
    }

    /// Whether the list must be signed again: after its expiry every new client is refused.
    pub(super) fn expires_soon(&self, now: OffsetDateTime) -> bool {
        self.until - now < MIN_REMAINING_VALIDITY
    }

    /// Signs the list for the authority with this key id, valid from now on. Returns PEM.
    pub(super) fn sign(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        authority: &[u8],
        now: OffsetDateTime,
    ) -> Result<String, TunnelError> {
        let list = CertificateRevocationListParams {
            this_update: now - BACKDATED,
            next_update: now + CRL_VALIDITY,
            crl_number: (self.number + 1).into(),
            issuing_distribution_point: None,
            revoked_certs: self.entries.iter().map(|(serial, entry)| revoked(serial, entry)).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(authority.to_vec()),
        };
        let signed = list.signed_by(issuer).and_then(|list| list.pem());
        signed.map_err(|error| TunnelError::malformed(WHAT, error))
    }
}

/// A serial number without leading zeros.
pub(super) fn trim_serial(serial: &[u8]) -> Vec<u8> {
    serial.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn revoked(serial: &[u8], entry: &Entry) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: entry.since,
        reason_code: entry.reason.and_then(reason),
        invalidity_date: None,
    }
}

fn reason(code: u8) -> Option<RevocationReason> {
    use RevocationReason as R;
    let all = [
        R::KeyCompromise,
        R::CaCompromise,
        R::AffiliationChanged,
        R::Superseded,
        R::CessationOfOperation,
        R::CertificateHold,
        R::PrivilegeWithdrawn,
        R::AaCompromise,
    ];
    // "Remove from CRL" would end the revocation; an entry without a reason stays revoked.
    all.into_iter().find(|reason| *reason as u8 == code)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};

    use super::*;

    fn authority() -> (Issuer<'static, KeyPair>, Vec<u8>) {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::KeyCertSign];
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
        (Issuer::new(params, key), vec![7; 20])
    }

    fn list(until: OffsetDateTime) -> Crl {
        let since = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let entries = [
            (vec![0x80, 1, 2], Entry::held(since)),
            (vec![5; 16], Entry { since, reason: Some(9) }),
            (vec![6; 16], Entry { since, reason: None }),
        ];
        Crl { entries: entries.into_iter().collect(), number: 41, until }
    }

    #[test]
    fn signed_list_is_parsed_again() {
        let (issuer, id) = authority();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let before = list(now);
        let after = Crl::parse(before.sign(&issuer, &id, now).unwrap().as_bytes(), &id).unwrap();
        assert_eq!(after.entries, before.entries);
        assert_eq!(after.number, 42);
        assert_eq!(after.entries.values().filter(|entry| entry.is_held()).count(), 1);
        assert!(!after.expires_soon(now));
        assert!(after.expires_soon(now + CRL_VALIDITY - MIN_REMAINING_VALIDITY + Duration::seconds(1)));
    }

    #[test]
    fn rejects_list_of_another_authority() {
        let (issuer, id) = authority();
        let now = OffsetDateTime::now_utc();
        let text = list(now).sign(&issuer, &id, now).unwrap();
        let error = Crl::parse(text.as_bytes(), &[8; 20]).unwrap_err().to_string();
        assert!(error.contains("another authority"), "{error}");
    }

    #[test]
    fn rejects_truncated_list() {
        let (issuer, id) = authority();
        let now = OffsetDateTime::now_utc();
        let text = list(now).sign(&issuer, &id, now).unwrap();
        for end in [0, 10, text.len() / 2, text.len() - 30] {
            Crl::parse(&text.as_bytes()[..end], &id).unwrap_err();
        }
    }
}
