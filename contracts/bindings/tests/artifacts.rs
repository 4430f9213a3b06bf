//! The interfaces declared in this crate are those of the compiled stand-ins.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;

use alloy::primitives::{B256, FixedBytes, keccak256};
use alloy::sol_types::{SolEvent, SolInterface};
use serde_json::Value;
use sovereign_contracts::delegate_registry::IDelegateRegistry;
use sovereign_contracts::dev::Artifact;
use sovereign_contracts::memes::{IERC721, IMemes};
use sovereign_contracts::multicall::IMulticall3;
use sovereign_contracts::nft_delegation::INFTDelegation;

fn canonical_type(input: &Value) -> String {
    let name = input["type"].as_str().unwrap();
    let Some(dimensions) = name.strip_prefix("tuple") else { return name.to_owned() };
    let parts = input["components"].as_array().unwrap().iter().map(canonical_type).collect::<Vec<_>>();
    format!("({}){dimensions}", parts.join(","))
}

fn hashes(artifact: Artifact, kind: &str) -> HashSet<B256> {
    let json = artifact.json();
    let entries = json["abi"].as_array().unwrap().iter().filter(|entry| entry["type"] == kind);
    let signature = |entry: &Value| {
        let inputs = entry["inputs"].as_array().unwrap().iter().map(canonical_type).collect::<Vec<_>>();
        format!("{}({})", entry["name"].as_str().unwrap(), inputs.join(","))
    };
    entries.map(|entry| keccak256(signature(entry))).collect()
}

fn outputs(artifact: Artifact, function: &str) -> Vec<String> {
    let json = artifact.json();
    let entry = json["abi"].as_array().unwrap().iter().find(|entry| entry["name"] == function).unwrap();
    entry["outputs"].as_array().unwrap().iter().map(canonical_type).collect()
}

fn assert_functions<I: SolInterface>(artifact: Artifact) {
    let known: HashSet<_> = hashes(artifact, "function").iter().map(|hash| hash[..4].to_vec()).collect();
    for selector in I::selectors() {
        assert!(known.contains(selector.as_slice()), "{artifact:?} has no {}", FixedBytes::from(selector));
    }
}

#[test]
fn functions_are_those_of_the_contracts() {
    assert_functions::<IMulticall3::IMulticall3Calls>(Artifact::Aggregator);
    assert_functions::<INFTDelegation::INFTDelegationCalls>(Artifact::NftDelegation);
    assert_functions::<IDelegateRegistry::IDelegateRegistryCalls>(Artifact::DelegateRegistry);
    assert_functions::<IMemes::IMemesCalls>(Artifact::TestMemes);
    assert_functions::<IERC721::IERC721Calls>(Artifact::TestGallery);
}

#[test]
fn events_are_those_of_the_contracts() {
    let delegation = hashes(Artifact::NftDelegation, "event");
    for topic in INFTDelegation::INFTDelegationEvents::SELECTORS {
        assert!(delegation.contains(&B256::from(*topic)));
    }
    let registry = hashes(Artifact::DelegateRegistry, "event");
    for topic in IDelegateRegistry::IDelegateRegistryEvents::SELECTORS {
        assert!(registry.contains(&B256::from(*topic)));
    }
    let memes = hashes(Artifact::TestMemes, "event");
    assert!(memes.contains(&IMemes::TransferSingle::SIGNATURE_HASH));
    assert!(memes.contains(&IMemes::TransferBatch::SIGNATURE_HASH));
    assert!(hashes(Artifact::TestGallery, "event").contains(&IERC721::Transfer::SIGNATURE_HASH));
}

/// Selectors say nothing about what comes back.
#[test]
fn answers_have_the_shape_that_is_decoded() {
    let rows = ["address[]", "uint256[]", "bool[]", "uint256[]"];
    assert_eq!(outputs(Artifact::NftDelegation, "retrieveDelegatorsTokensIDsandExpiredDates"), rows);
    assert_eq!(outputs(Artifact::NftDelegation, "retrieveDelegationAddressesTokensIDsandExpiredDates"), rows);
    assert_eq!(
        outputs(Artifact::NftDelegation, "globalDelegationHashes"),
        ["address", "address", "uint256", "uint256", "bool", "uint256"]
    );
    let delegations = ["(uint8,address,address,bytes32,address,uint256,uint256)[]"];
    assert_eq!(outputs(Artifact::DelegateRegistry, "getIncomingDelegations"), delegations);
    assert_eq!(outputs(Artifact::DelegateRegistry, "getOutgoingDelegations"), delegations);
    assert_eq!(outputs(Artifact::Aggregator, "aggregate3"), ["(bool,bytes)[]"]);
}

/// Selectors and topics as they are on mainnet, so that stand-in and interface cannot drift together.
#[test]
fn known_hashes() {
    let selectors: HashSet<_> = hashes(Artifact::NftDelegation, "function")
        .union(&hashes(Artifact::DelegateRegistry, "function"))
        .chain(&hashes(Artifact::Aggregator, "function"))
        .map(|hash| alloy::hex::encode(&hash[..4]))
        .collect();
    for known in
        ["4b1fe249", "22b613ef", "8bb60cb6", "b8705875", "8988eea9", "e839bd53", "42f87c25", "82ad56cb"]
    {
        assert!(selectors.contains(known), "{known}");
    }
    let topics: HashSet<_> = hashes(Artifact::NftDelegation, "event")
        .union(&hashes(Artifact::DelegateRegistry, "event"))
        .map(|hash| alloy::hex::encode(&hash[..4]))
        .collect();
    for known in
        ["cf23f2b4", "bd5af040", "eb2716ae", "3fc9853b", "3660f298", "da3ef641", "021be15e", "27ab1adc"]
    {
        assert!(topics.contains(known), "{known}");
    }
}
