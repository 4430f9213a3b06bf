// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title DelegationBook
/// @notice Storage and bookkeeping of the NFTDelegation stand-in: rows, locks and how they come and go.
/// @dev Names, keys and order of removal are those of the original, since readers depend on them.
abstract contract DelegationBook {
    address internal constant ALL_COLLECTIONS = 0x8888888888888888888888888888888888888888;
    uint256 internal constant SUB_DELEGATION = 998;
    uint256 internal constant CONSOLIDATION = 999;

    struct GlobalData {
        address delegatorAddress;
        address delegationAddress;
        uint256 registeredDate;
        uint256 expiryDate;
        bool allTokens;
        uint256 tokens;
    }

    /// @notice (delegator, collection, use case) to the addresses delegated to.
    mapping(bytes32 => address[]) public delegatorHashes;
    /// @notice (delegate, collection, use case) to the delegators.
    mapping(bytes32 => address[]) public delegationAddressHashes;
    /// @notice (delegator, collection, delegate, use case) to the rows with date and token.
    mapping(bytes32 => GlobalData[]) public globalDelegationHashes;

    mapping(address => bool) public globalLock;
    mapping(bytes32 => bool) public collectionLock;
    mapping(bytes32 => bool) public collectionUsecaseLock;

    /// @dev Counted from 999, so that the code works where it is placed without running a constructor.
    uint256 private furtherUseCases;

    function useCaseCounter() public view returns (uint256) {
        return CONSOLIDATION + furtherUseCases;
    }

    function updateUseCaseCounter() public {
        ++furtherUseCases;
    }

    function setGlobalLock(bool status) public {
        globalLock[msg.sender] = status;
    }

    function setCollectionLock(address collection, bool status) public {
        if (collection == ALL_COLLECTIONS) setGlobalLock(status);
        else collectionLock[keccak256(abi.encodePacked(collection, msg.sender))] = status;
    }

    function setCollectionUsecaseLock(address collection, uint256 useCase, bool status) public {
        if (useCase == 1) setCollectionLock(collection, status);
        else collectionUsecaseLock[_localHash(collection, msg.sender, useCase)] = status;
    }

    /// @dev Locks stop a registration; a row that exists stays.
    function _register(
        address delegator,
        address collection,
        address delegate,
        uint256 expiry,
        uint256 useCase,
        bool allTokens,
        uint256 tokenId
    ) internal {
        require(useCase > 0 && useCase <= useCaseCounter());
        require(!globalLock[delegate]);
        require(!collectionLock[keccak256(abi.encodePacked(collection, delegate))]);
        require(!collectionUsecaseLock[_localHash(collection, delegate, useCase)]);
        require(!collectionUsecaseLock[_localHash(ALL_COLLECTIONS, delegate, useCase)]);

        delegatorHashes[_localHash(delegator, collection, useCase)].push(delegate);
        delegationAddressHashes[_localHash(delegate, collection, useCase)].push(delegator);
        globalDelegationHashes[_globalHash(
                delegator, collection, delegate, useCase
            )].push(
            GlobalData(delegator, delegate, block.timestamp, expiry, allTokens, allTokens ? 0 : tokenId)
        );
    }

    /// @dev Removes every row of the pair. Does nothing, and says so, for a delegator without any row here.
    function _revoke(address delegator, address collection, address delegate, uint256 useCase)
        internal
        returns (bool hadRows)
    {
        address[] storage given = delegatorHashes[_localHash(delegator, collection, useCase)];
        if (given.length == 0) return false;
        _removeAll(given, delegate);
        _removeAll(delegationAddressHashes[_localHash(delegate, collection, useCase)], delegator);
        delete globalDelegationHashes[_globalHash(delegator, collection, delegate, useCase)];
        return true;
    }

    function _removeAll(address[] storage list, address entry) private {
        for (uint256 i = list.length; i > 0; --i) {
            if (list[i - 1] != entry) continue;
            list[i - 1] = list[list.length - 1];
            list.pop();
        }
    }

    function _localHash(address wallet, address collection, uint256 useCase) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(wallet, collection, useCase));
    }

    function _globalHash(address delegator, address collection, address delegate, uint256 useCase)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(delegator, collection, delegate, useCase));
    }
}
