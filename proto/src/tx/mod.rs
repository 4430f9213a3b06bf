//! Transactions: content, signature and fee.

mod account_state;
mod key;
mod typed;

use std::{fmt, str::FromStr};

use prost::Message;
use prost_types::Any;
use sha2::{Digest, Sha256};

pub use account_state::AccountState;
pub use key::{KeyError, SigningKey};
pub use typed::{TypedMessage, pack_any};

use crate::{
    address::AccountAddress,
    wire::cosmos::{
        base::v1beta1::Coin,
        crypto::secp256k1::PubKey,
        tx::v1beta1::{
            AuthInfo, Fee, ModeInfo, SignDoc, SignMode, SignerInfo, TxBody, TxRaw,
            mode_info::{Single, Sum},
        },
    },
};

/// A transaction before it is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// Messages, executed in this order, all or none.
    pub messages: Vec<Any>,
    /// Maximum gas.
    pub gas_limit: u64,
    /// Fee, paid in full whatever gas is used.
    pub fee: Coin,
    /// Account that pays the fee by an allowance; `None`: the signer.
    pub granter: Option<AccountAddress>,
    /// Last block that may include it; 0: no limit.
    pub timeout_height: u64,
}

impl Transaction {
    /// Signs for one chain, account and sequence, so that the transaction takes effect at most once.
    pub fn sign(&self, key: &SigningKey, chain_id: &str, account: AccountState) -> SignedTransaction {
        let (body_bytes, auth_info_bytes) = self.parts(key, account);
        let document = SignDoc {
            body_bytes: body_bytes.clone(),
            auth_info_bytes: auth_info_bytes.clone(),
            chain_id: chain_id.to_owned(),
            account_number: account.number,
        };
        let signature = key.sign(&document.encode_to_vec()).to_vec();
        SignedTransaction::new(&TxRaw { body_bytes, auth_info_bytes, signatures: vec![signature] })
    }

    /// Transaction without a signature, for simulation only.
    pub fn unsigned(&self, key: &SigningKey, account: AccountState) -> SignedTransaction {
        let (body_bytes, auth_info_bytes) = self.parts(key, account);
        SignedTransaction::new(&TxRaw { body_bytes, auth_info_bytes, signatures: vec![Vec::new()] })
    }

    fn parts(&self, key: &SigningKey, account: AccountState) -> (Vec<u8>, Vec<u8>) {
        let body = TxBody {
            messages: self.messages.clone(),
            memo: String::new(),
            timeout_height: self.timeout_height,
        };
        let mode = Sum::Single(Single { mode: SignMode::Direct.into() });
        let signer = SignerInfo {
            public_key: Some(pack_any(&PubKey { key: key.public().to_vec() })),
            mode_info: Some(ModeInfo { sum: Some(mode) }),
            sequence: account.sequence,
        };
        let fee = Fee {
            amount: vec![self.fee.clone()],
            gas_limit: self.gas_limit,
            payer: String::new(),
            granter: self.granter.map(|granter| granter.to_string()).unwrap_or_default(),
        };
        let auth_info = AuthInfo { signer_infos: vec![signer], fee: Some(fee) };
        (body.encode_to_vec(), auth_info.encode_to_vec())
    }
}

/// An encoded transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    bytes: Vec<u8>,
    hash: TxHash,
}

impl SignedTransaction {
    fn new(raw: &TxRaw) -> Self {
        Self::from_bytes(raw.encode_to_vec())
    }

    /// Restores a transaction from its encoding.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let hash = TxHash(Sha256::digest(&bytes).into());
        Self { bytes, hash }
    }

    /// The encoding that is broadcast.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its hash.
    pub fn hash(&self) -> &TxHash {
        &self.hash
    }
}

/// Hash of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TxHash(pub [u8; 32]);

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TxHash {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        key::bytes(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use secp256k1::{Message as Digested, PublicKey, Secp256k1, ecdsa::Signature};

    use super::*;
    use crate::wire::{cosmos::authz::v1beta1::MsgExec, sentinel::plan::v3::MsgLinkNodeRequest};

    fn transaction() -> Transaction {
        let link = MsgLinkNodeRequest { from: "a".to_owned(), id: 1, node_address: "b".to_owned() };
        let exec = MsgExec { grantee: "c".to_owned(), msgs: vec![pack_any(&link)] };
        Transaction {
            messages: vec![pack_any(&exec)],
            gas_limit: 100,
            fee: Coin { denom: "udvpn".to_owned(), amount: "10".to_owned() },
            granter: Some(AccountAddress::new([3; 20])),
            timeout_height: 77,
        }
    }

    #[test]
    fn signature_covers_content_chain_and_account() {
        let key: SigningKey = "01".repeat(32).parse().unwrap();
        let account = AccountState { number: 4, sequence: 9 };
        let signed = transaction().sign(&key, "chain", account);
        let raw = TxRaw::decode(signed.bytes()).unwrap();
        let document = SignDoc {
            body_bytes: raw.body_bytes.clone(),
            auth_info_bytes: raw.auth_info_bytes.clone(),
            chain_id: "chain".to_owned(),
            account_number: 4,
        };
        let digest = Digested::from_digest(Sha256::digest(document.encode_to_vec()).into());
        let signature = Signature::from_compact(&raw.signatures[0]).unwrap();
        let public = PublicKey::from_slice(key.public()).unwrap();
        Secp256k1::new().verify_ecdsa(digest, &signature, &public).unwrap();
        let body = TxBody::decode(raw.body_bytes.as_slice()).unwrap();
        assert_eq!((body.timeout_height, body.messages.len()), (77, 1));
        let info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
        assert_eq!(info.signer_infos[0].sequence, 9);
        assert_eq!(info.fee.unwrap().granter, AccountAddress::new([3; 20]).to_string());
        for other in [
            transaction().sign(&key, "other", account),
            transaction().sign(&key, "chain", AccountState { number: 5, ..account }),
            transaction().sign(&key, "chain", AccountState { sequence: 10, ..account }),
        ] {
            assert_ne!(other.hash(), signed.hash());
        }
        // The same again is the same transaction, so that it cannot have its effect twice.
        assert_eq!(transaction().sign(&key, "chain", account), signed);
        assert_eq!(SignedTransaction::from_bytes(signed.bytes().to_vec()).hash(), signed.hash());
    }

    #[test]
    fn formats_hash_as_the_hub_does() {
        let hash = TxHash([0xab; 32]);
        assert_eq!(hash.to_string(), "AB".repeat(32));
        assert_eq!(hash.to_string().parse::<TxHash>().unwrap(), hash);
    }
}
