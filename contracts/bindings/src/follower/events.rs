//! Watched events and the addresses that they affect.

use std::collections::HashMap;
use std::fmt;

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolEvent;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::effect::{AddressEffects, Effect};
use crate::delegate_registry::IDelegateRegistry::{DelegateAll, DelegateContract, DelegateERC1155};
use crate::memes::IERC721::Transfer;
use crate::memes::IMemes::{TransferBatch, TransferSingle};
use crate::nft_delegation::INFTDelegation::{
    RegisterDelegation, RegisterDelegationUsingSubDelegation, RevokeDelegation,
    RevokeDelegationUsingSubDelegation, UpdateDelegation,
};

/// First topics of the requested logs.
pub(super) const WATCHED_TOPICS: [B256; 11] = [
    TransferSingle::SIGNATURE_HASH,
    TransferBatch::SIGNATURE_HASH,
    Transfer::SIGNATURE_HASH,
    RegisterDelegation::SIGNATURE_HASH,
    RegisterDelegationUsingSubDelegation::SIGNATURE_HASH,
    RevokeDelegation::SIGNATURE_HASH,
    RevokeDelegationUsingSubDelegation::SIGNATURE_HASH,
    UpdateDelegation::SIGNATURE_HASH,
    DelegateAll::SIGNATURE_HASH,
    DelegateContract::SIGNATURE_HASH,
    DelegateERC1155::SIGNATURE_HASH,
];

/// A log of a JSON-RPC response. Of the data only the first word is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    #[serde(default)]
    block_hash: Option<B256>,
    #[serde(default)]
    removed: bool,
}

impl RpcLog {
    /// Returns the addresses whose rights may have changed, with the effect: the first one gave, the others received or
    /// were replaced. A log of another form has no effect, as the contracts emit none.
    fn effects(&self) -> impl Iterator<Item = (Address, Effect)> {
        let places: &[usize] = match self.topics.first() {
            Some(&(TransferSingle::SIGNATURE_HASH | TransferBatch::SIGNATURE_HASH)) => &[2, 3],
            Some(
                &(Transfer::SIGNATURE_HASH
                | DelegateAll::SIGNATURE_HASH
                | DelegateContract::SIGNATURE_HASH
                | DelegateERC1155::SIGNATURE_HASH),
            ) => &[1, 2],
            // From or delegator, collection, delegate.
            Some(_) => &[1, 3],
            None => &[],
        };
        let named = places.iter().zip([Effect::Loss, Effect::Gain]);
        let named = named.filter_map(|(&place, effect)| Some((self.topics.get(place).copied()?, effect)));
        // The first word of the data is the delegate that an update replaces.
        let updated = self.topics.first() == Some(&UpdateDelegation::SIGNATURE_HASH);
        let replaced = self.data.get(..32).filter(|_| updated).map(B256::from_slice);
        // The loss is reported for the delegator; other rights of the replaced delegate are unaffected.
        let words: Vec<_> = named.chain(replaced.map(|word| (word, Effect::Gain))).collect();
        let addresses = words.into_iter().map(|(word, effect)| (Address::from_word(word), effect));
        addresses.filter(|(address, _)| !address.is_zero())
    }
}

/// Effects of the logs of one response, by contract. Logs are parsed one by one and not kept: the provider controls the
/// size of the response.
#[derive(Debug, Default)]
pub(super) struct LogEffects {
    effects: HashMap<Address, AddressEffects>,
    block: Option<B256>,
    /// Whether the logs are of several blocks, or one does not name its block.
    mixed: bool,
}

impl LogEffects {
    /// Returns whether no log belongs to another block.
    pub(super) fn belong_to_block(&self, block: B256) -> bool {
        !self.mixed && self.block.is_none_or(|named| named == block)
    }

    /// Returns the effects of the logs of `contracts`.
    pub(super) fn effects_from(mut self, contracts: &[Address]) -> AddressEffects {
        let mut all = AddressEffects::default();
        for effects in contracts.iter().filter_map(|contract| self.effects.remove(contract)) {
            all.extend(effects);
        }
        all
    }

    fn add(&mut self, log: &RpcLog) {
        self.mixed |= log.block_hash.is_none_or(|block| *self.block.get_or_insert(block) != block);
        if !log.removed {
            self.effects.entry(log.address).or_default().extend(log.effects());
        }
    }
}

impl<'de> Deserialize<'de> for LogEffects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = LogEffects;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of logs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<LogEffects, A::Error> {
                let mut logs = LogEffects::default();
                while let Some(log) = list.next_element()? {
                    logs.add(&log);
                }
                Ok(logs)
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{LogData, U256};
    use serde_json::{Value, json};

    use super::*;

    fn log(event: &LogData) -> RpcLog {
        RpcLog {
            address: Address::ZERO,
            topics: event.topics().to_vec(),
            data: event.data.clone(),
            block_hash: None,
            removed: false,
        }
    }

    fn touched(event: &impl SolEvent) -> Vec<Address> {
        log(&event.encode_log_data()).effects().map(|(address, _)| address).collect()
    }

    fn losing(event: &impl SolEvent) -> Vec<Address> {
        let effects = log(&event.encode_log_data()).effects().collect::<Vec<_>>();
        effects
            .into_iter()
            .filter(|(_, effect)| *effect == Effect::Loss)
            .map(|(address, _)| address)
            .collect()
    }

    const A: Address = Address::repeat_byte(0xa);
    const B: Address = Address::repeat_byte(0xb);
    const C: Address = Address::repeat_byte(0xc);
    const COLLECTION: Address = Address::repeat_byte(0xee);

    #[test]
    fn topics_match_the_contracts() {
        let begins = |hash: B256, wanted: [u8; 4]| assert_eq!(hash[..4], wanted, "{hash}");
        begins(RegisterDelegation::SIGNATURE_HASH, [0xcf, 0x23, 0xf2, 0xb4]);
        begins(RegisterDelegationUsingSubDelegation::SIGNATURE_HASH, [0xbd, 0x5a, 0xf0, 0x40]);
        begins(RevokeDelegation::SIGNATURE_HASH, [0xeb, 0x27, 0x16, 0xae]);
        begins(RevokeDelegationUsingSubDelegation::SIGNATURE_HASH, [0x3f, 0xc9, 0x85, 0x3b]);
        begins(UpdateDelegation::SIGNATURE_HASH, [0x36, 0x60, 0xf2, 0x98]);
        begins(DelegateAll::SIGNATURE_HASH, [0xda, 0x3e, 0xf6, 0x41]);
        begins(DelegateContract::SIGNATURE_HASH, [0x02, 0x1b, 0xe1, 0x5e]);
        begins(DelegateERC1155::SIGNATURE_HASH, [0x27, 0xab, 0x1a, 0xdc]);
    }

    #[test]
    fn transfers_affect_both_ends_but_not_the_zero_address() {
        let (id, value) = (U256::from(7), U256::from(1));
        assert_eq!(touched(&TransferSingle { operator: C, from: A, to: B, id, value }), [A, B]);
        let mint = TransferSingle { operator: C, from: Address::ZERO, to: B, id, value };
        assert_eq!(touched(&mint), [B]);
        let batch = TransferBatch { operator: C, from: A, to: B, ids: vec![id], values: vec![value] };
        assert_eq!(touched(&batch), [A, B]);
        assert_eq!(losing(&batch), [A], "a gift ends no right of the one that receives it");
        assert_eq!(touched(&Transfer { from: A, to: B, tokenId: id }), [A, B]);
    }

    #[test]
    fn delegations_affect_vault_and_wallet() {
        let (case, token) = (U256::from(999), U256::ZERO);
        let register = RegisterDelegation {
            from: A,
            collectionAddress: COLLECTION,
            delegationAddress: B,
            useCase: case,
            allTokens: true,
            _tokenId: token,
        };
        assert_eq!(touched(&register), [A, B]);
        let by_another = RevokeDelegationUsingSubDelegation {
            delegator: A,
            from: C,
            collectionAddress: COLLECTION,
            delegationAddress: B,
            useCase: case,
        };
        assert_eq!(touched(&by_another), [A, B], "who acts for the vault is not touched");
        let update = UpdateDelegation {
            from: A,
            collectionAddress: COLLECTION,
            olddelegationAddress: C,
            newdelegationAddress: B,
            useCase: case,
            allTokens: true,
            _tokenId: token,
        };
        assert_eq!(touched(&update), [A, B, C], "the replaced one too");
        assert_eq!(losing(&update), [A], "what the replaced one rested on is named by the one that gave");
        assert_eq!(losing(&register), [A], "to be named by a stranger ends nothing");
        assert_eq!(touched(&DelegateAll { from: A, to: B, rights: B256::ZERO, enable: false }), [A, B]);
    }

    #[test]
    fn malformed_logs_have_no_effect() {
        let mut update =
            log(&DelegateAll { from: A, to: B, rights: B256::ZERO, enable: true }.encode_log_data());
        update.topics.truncate(1);
        assert_eq!(update.effects().count(), 0);
        update.topics = vec![UpdateDelegation::SIGNATURE_HASH];
        update.data = Bytes::from_static(&[1, 2, 3]);
        assert_eq!(update.effects().count(), 0);
        update.topics.clear();
        assert_eq!(update.effects().count(), 0);
    }

    #[test]
    fn logs_yield_block_and_effects() {
        let hash = B256::repeat_byte;
        let told = |contract: Address, block: Option<B256>, removed: bool, to: Address| {
            let event = DelegateAll { from: A, to, rights: B256::ZERO, enable: true }.encode_log_data();
            let (topics, data) = (event.topics(), &event.data);
            json!({ "address": contract, "topics": topics, "data": data, "blockHash": block, "removed": removed })
        };
        let read = |list: Value| serde_json::from_value::<LogEffects>(list).unwrap();
        let logs = read(json!([told(C, Some(hash(1)), false, B), told(A, Some(hash(1)), false, C)]));
        assert!(logs.belong_to_block(hash(1)) && !logs.belong_to_block(hash(2)));
        let mut addresses: Vec<_> = logs.effects_from(&[C]).addresses().collect();
        addresses.sort_unstable();
        assert_eq!(addresses, [A, B], "another contract touches nobody");
        assert!(read(json!([])).belong_to_block(hash(7)), "none is of any block");
        for other in [Some(hash(2)), None] {
            let logs = read(json!([told(C, Some(hash(1)), false, B), told(C, other, true, B)]));
            assert!(!logs.belong_to_block(hash(1)) && !logs.belong_to_block(hash(2)), "{other:?}");
        }
        assert_eq!(read(json!([told(C, None, true, B)])).effects_from(&[C]).len(), 0, "undone");
        assert!(serde_json::from_value::<LogEffects>(json!([{ "address": A }])).is_err());
        assert!(serde_json::from_value::<LogEffects>(json!({})).is_err());
    }
}
