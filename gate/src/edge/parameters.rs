//! Parameters of API requests: known names only, each at most once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use alloy::primitives::Address;
use serde::Deserialize;
use service_runtime::object::is_object;

use crate::refusal::Refusal;

/// The query of a request.
pub(super) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    /// Parses `query`; accepts only `known` names, each at most once.
    pub(super) fn parse(query: Option<&str>, known: &[&'static str]) -> Result<Self, Refusal> {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let known = known.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| malformed("unknown parameter", &name))?;
            if found.insert(*known, value.into_owned()).is_some() {
                return Err(malformed("given twice", known));
            }
        }
        Ok(Self(found))
    }

    /// Returns a mandatory parameter.
    pub(super) fn required<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<T, Refusal> {
        self.optional(name)?.ok_or_else(|| malformed("missing parameter", name))
    }

    /// Returns an optional parameter; an empty one counts as missing.
    pub(super) fn optional<T: FromStr<Err: Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Refusal> {
        let given = self.0.get(name).filter(|value| !value.is_empty());
        given.map(|value| value.parse().map_err(|error| malformed(name, error))).transpose()
    }
}

/// An Ethereum address with `0x`, in one case or with its EIP-55 checksum, so that a typing error does not name another
/// wallet.
pub(super) struct WalletParameter(pub(super) Address);

impl FromStr for WalletParameter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "not 0x and 40 hexadecimal digits";
        let digits = text.strip_prefix("0x").ok_or(FORM)?;
        let address: Address = digits.parse().map_err(|_| FORM)?;
        let one_case = !digits.bytes().any(|digit| digit.is_ascii_uppercase())
            || !digits.bytes().any(|digit| digit.is_ascii_lowercase());
        if digits.len() == 40 && (one_case || address.to_checksum(None) == text) {
            Ok(Self(address))
        } else {
            Err("the checksum of the address is wrong")
        }
    }
}

/// Body of a sign-in. Serde rejects unknown and duplicate keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedMessage {
    pub(super) message: String,
    pub(super) signature: String,
}

/// Parses the body of a sign-in.
pub(super) fn parse_signed_message(body: &[u8]) -> Result<SignedMessage, Refusal> {
    if !is_object(body) {
        return Err(malformed("body", "not an object"));
    }
    serde_json::from_slice(body).map_err(|error| malformed("body", error))
}

fn malformed(what: &str, detail: impl Display) -> Refusal {
    // Bounds the echo of client input.
    let detail: String = detail.to_string().chars().take(100).collect();
    Refusal::Malformed(format!("{what}: {detail}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_known_names_once_each() {
        let parse = |query| Parameters::parse(Some(query), &["wallet", "vault"]);
        let wallet = "0x33fd426905f149f8376e227d0c9d3340aad17af1";
        let query = format!("wallet={wallet}&vault=");
        let good = parse(query.as_str()).unwrap();
        assert_eq!(good.required::<WalletParameter>("wallet").unwrap().0, wallet.parse::<Address>().unwrap());
        assert!(good.optional::<WalletParameter>("vault").unwrap().is_none());
        for bad in ["wallet=1&wallet=1", "WalletParameter=1", "x=1"] {
            assert_eq!(parse(bad).err().unwrap().code(), 101, "{bad}");
        }
        for missing in ["wallet=0x12", ""] {
            assert_eq!(
                parse(missing).unwrap().required::<WalletParameter>("wallet").err().unwrap().code(),
                101
            );
        }
    }

    #[test]
    fn accepts_address_in_one_case_or_with_checksum() {
        let good = "0x33FD426905F149f8376e227d0C9D3340AaD17aF1";
        assert!([good, &good.to_lowercase()].iter().all(|text| text.parse::<WalletParameter>().is_ok()));
        let (slip, prefix) = (good.replace("FD", "fD"), good.replace("0x", "0X"));
        let bad = [&good[2..], &slip, "0x33FD", &prefix, ""];
        assert!(bad.iter().all(|text| text.parse::<WalletParameter>().is_err()));
    }

    #[test]
    fn sign_in_body_has_two_strings_and_nothing_else() {
        assert!(parse_signed_message(br#"{"message":"m","signature":"0x"}"#).is_ok());
        for bad in [
            &br#"{"message":"m"}"#[..],
            br#"{"message":"m","signature":"0x","signature":"0x"}"#,
            br#"{"message":"m","signature":"0x","Signature":"0x"}"#,
            br#"{"message":1,"signature":"0x"}"#,
            br#"["m","0x"]"#,
            b" [\"m\",\"0x\"]",
            br#"{"message":"m","signature":"0x"} x"#,
            b"\xff",
        ] {
            assert_eq!(parse_signed_message(bad).unwrap_err().code(), 101);
        }
    }

    const KNOWN: [&str; 3] = ["wallet", "account", "vault"];

    proptest! {
        #[test]
        fn parses_any_query_without_panic(query in "\\PC{0,200}") {
            let _ = Parameters::parse(Some(&query), &KNOWN);
        }

        /// Parsing inverts serialisation, with any escapes; a duplicate is rejected.
        #[test]
        fn parses_what_is_serialised_and_rejects_duplicates(values in prop::collection::vec("\\PC{1,40}", 3), again in 0..3_usize) {
            let mut written = form_urlencoded::Serializer::new(String::new());
            written.extend_pairs(KNOWN.iter().zip(&values));
            let query = written.finish();
            let read = Parameters::parse(Some(&query), &KNOWN).unwrap();
            for (name, value) in KNOWN.into_iter().zip(&values) {
                prop_assert_eq!(&read.required::<String>(name).unwrap(), value);
            }
            let twice = format!("{query}&{}=x", KNOWN[again]);
            prop_assert!(Parameters::parse(Some(&twice), &KNOWN).is_err());
            let escaped = format!("{query}&%{:02x}{}=x", KNOWN[again].as_bytes()[0], &KNOWN[again][1..]);
            prop_assert!(Parameters::parse(Some(&escaped), &KNOWN).is_err(), "{}", escaped);
        }

        /// An address has three accepted spellings: lower case, upper case, checksum.
        #[test]
        fn address_has_three_spellings(bytes: [u8; 20], flips in prop::collection::vec(any::<bool>(), 40)) {
            let address = Address::from(bytes);
            let (checksum, small) = (address.to_checksum(None), hex::encode(bytes));
            let flipped: String = small.chars().zip(&flips)
                .map(|(digit, flip)| if *flip { digit.to_ascii_uppercase() } else { digit }).collect();
            let good = [&checksum[2..], &small, &small.to_uppercase()].contains(&flipped.as_str());
            let read = format!("0x{flipped}").parse::<WalletParameter>().ok().map(|wallet| wallet.0);
            prop_assert_eq!(read, good.then_some(address));
            prop_assert!(checksum.parse::<WalletParameter>().is_ok() && small.parse::<WalletParameter>().is_err());
        }

        #[test]
        fn parses_any_body_without_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_signed_message(&body);
        }
    }
}
