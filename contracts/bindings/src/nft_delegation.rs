//! NFTDelegation by 6529.
//!
//! The direction matters. A hot wallet's vaults are its *delegators*; the addresses that it delegated to itself
//! ([`retrieveDelegationAddresses`](INFTDelegation::retrieveDelegationAddressesCall)) say nothing about its rights.

use alloy::primitives::{Address, B256, U256, address, keccak256};
use alloy::sol;

/// On mainnet.
pub const MAINNET: Address = address!("2202CB9c00487e7e8EF21e6d8E914B32e709f43d");
/// On Sepolia.
pub const SEPOLIA: Address = address!("8f86c644f845A077999939C69Bc787662377d915");

/// Stands for every collection in a registration.
pub const ALL_COLLECTIONS: Address = address!("8888888888888888888888888888888888888888");

/// Every use case but sub-delegation and consolidation.
pub const USE_CASE_ALL: u64 = 1;
/// Gated sites and events.
pub const USE_CASE_CLUB_ACCESS: u64 = 9;
/// May register and revoke in the delegator's name.
pub const USE_CASE_SUB_DELEGATION: u64 = 998;
/// Both wallets belong to one person, once each has named the other.
pub const USE_CASE_CONSOLIDATION: u64 = 999;

sol! {
    /// What is read of the contract, and the events that change it.
    #[derive(Debug, PartialEq, Eq)]
    interface INFTDelegation {
        function globalDelegationHashes(bytes32 pair, uint256 index) external view
            returns (address delegatorAddress, address delegationAddress, uint256 registeredDate, uint256 expiryDate, bool allTokens, uint256 tokens);
        function retrieveDelegatorsTokensIDsandExpiredDates(address delegate, address collection, uint256 useCase) external view
            returns (address[] delegators, uint256[] expiries, bool[] allTokens, uint256[] tokenIds);
        function retrieveDelegationAddressesTokensIDsandExpiredDates(address delegator, address collection, uint256 useCase) external view
            returns (address[] delegates, uint256[] expiries, bool[] allTokens, uint256[] tokenIds);
        function retrieveDelegationAddresses(address delegator, address collection, uint256 useCase) external view returns (address[]);
        function checkConsolidationStatus(address wallet1, address wallet2, address collection) external view returns (bool);

        function registerDelegationAddress(address collection, address delegate, uint256 expiry, uint256 useCase, bool allTokens, uint256 tokenId) external;
        function revokeDelegationAddress(address collection, address delegate, uint256 useCase) external;

        event RegisterDelegation(address indexed from, address indexed collectionAddress, address indexed delegationAddress, uint256 useCase, bool allTokens, uint256 _tokenId);
        event RegisterDelegationUsingSubDelegation(address indexed delegator, address from, address indexed collectionAddress, address indexed delegationAddress, uint256 useCase, bool allTokens, uint256 _tokenId);
        event RevokeDelegation(address indexed from, address indexed collectionAddress, address indexed delegationAddress, uint256 useCase);
        event RevokeDelegationUsingSubDelegation(address indexed delegator, address from, address indexed collectionAddress, address indexed delegationAddress, uint256 useCase);
        event UpdateDelegation(address indexed from, address indexed collectionAddress, address olddelegationAddress, address indexed newdelegationAddress, uint256 useCase, bool allTokens, uint256 _tokenId);
    }
}

/// Key of the rows of one (delegator, collection, delegate, use case) in `globalDelegationHashes`.
///
/// Only the delegator adds rows there, so this lookup cannot be spammed by others.
pub fn pair_key(delegator: Address, collection: Address, delegate: Address, use_case: u64) -> B256 {
    let mut packed = Vec::with_capacity(92);
    packed.extend_from_slice(delegator.as_slice());
    packed.extend_from_slice(collection.as_slice());
    packed.extend_from_slice(delegate.as_slice());
    packed.extend_from_slice(&U256::from(use_case).to_be_bytes::<32>());
    keccak256(packed)
}
