// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DelegationBook} from "./DelegationBook.sol";

/// @title DelegationViews
/// @notice The getters of the NFTDelegation stand-in, traps included: quadratic lists, padding with zero
/// addresses, a global status that ignores expiry.
abstract contract DelegationViews is DelegationBook {
    function retrieveGlobalLockStatus(address delegate) public view returns (bool) {
        return globalLock[delegate];
    }

    function retrieveCollectionLockStatus(address collection, address delegate) public view returns (bool) {
        if (collection == ALL_COLLECTIONS) return globalLock[delegate];
        return collectionLock[keccak256(abi.encodePacked(collection, delegate))];
    }

    function retrieveCollectionUseCaseLockStatus(address collection, address delegate, uint256 useCase)
        public
        view
        returns (bool)
    {
        if (useCase == 1) return retrieveCollectionLockStatus(collection, delegate);
        return collectionUsecaseLock[_localHash(collection, delegate, useCase)];
    }

    function retrieveCollectionUseCaseLockStatusOneCall(address collection, address delegate, uint256 useCase)
        public
        view
        returns (bool)
    {
        if (useCase == 1) return retrieveCollectionLockStatus(collection, delegate);
        return retrieveCollectionUseCaseLockStatus(collection, delegate, useCase)
            || retrieveCollectionUseCaseLockStatus(ALL_COLLECTIONS, delegate, useCase);
    }

    function retrieveLocalHash(address wallet, address collection, uint256 useCase)
        public
        pure
        returns (bytes32)
    {
        return _localHash(wallet, collection, useCase);
    }

    function retrieveGlobalHash(address delegator, address collection, address delegate, uint256 useCase)
        public
        pure
        returns (bytes32)
    {
        return _globalHash(delegator, collection, delegate, useCase);
    }

    function retrieveDelegationAddresses(address delegator, address collection, uint256 useCase)
        public
        view
        returns (address[] memory)
    {
        return delegatorHashes[_localHash(delegator, collection, useCase)];
    }

    function retrieveDelegators(address delegate, address collection, uint256 useCase)
        public
        view
        returns (address[] memory)
    {
        return delegationAddressHashes[_localHash(delegate, collection, useCase)];
    }

    function retrieveDelegatorStatusOfDelegation(address delegator, address collection, uint256 useCase)
        public
        view
        returns (bool)
    {
        return delegatorHashes[_localHash(delegator, collection, useCase)].length > 0;
    }

    function retrieveDelegationAddressStatusOfDelegation(
        address delegate,
        address collection,
        uint256 useCase
    ) public view returns (bool) {
        return delegationAddressHashes[_localHash(delegate, collection, useCase)].length > 0;
    }

    /// @notice Whether the pair has rows, expired ones included.
    function retrieveGlobalStatusOfDelegation(
        address delegator,
        address collection,
        address delegate,
        uint256 useCase
    ) public view returns (bool) {
        return globalDelegationHashes[_globalHash(delegator, collection, delegate, useCase)].length > 0;
    }

    function retrieveTokenStatus(
        address delegator,
        address collection,
        address delegate,
        uint256 useCase,
        uint256 tokenId
    ) public view returns (bool) {
        GlobalData[] storage rows =
            globalDelegationHashes[_globalHash(delegator, collection, delegate, useCase)];
        for (uint256 i = 0; i < rows.length; ++i) {
            if (!rows[i].allTokens && rows[i].tokens == tokenId) return true;
        }
        return false;
    }

    function retrieveStatusOfMostRecentDelegation(
        address delegator,
        address collection,
        address delegate,
        uint256 useCase
    ) public view returns (bool) {
        return delegate == retrieveMostRecentDelegation(delegator, collection, useCase);
    }

    function retrieveSubDelegationStatus(address delegator, address collection, address delegate)
        public
        view
        returns (bool)
    {
        return _contains(retrieveDelegators(delegate, collection, SUB_DELEGATION), delegator);
    }

    /// @notice True for the zero address as soon as one row has expired, because of the padding.
    function retrieveStatusOfActiveDelegator(
        address delegator,
        address collection,
        address delegate,
        uint256 date,
        uint256 useCase
    ) public view returns (bool) {
        return _contains(retrieveActiveDelegators(delegate, collection, date, useCase), delegator);
    }

    /// @notice Whom `delegator` delegated to.
    function retrieveDelegationAddressesTokensIDsandExpiredDates(
        address delegator,
        address collection,
        uint256 useCase
    ) public view returns (address[] memory, uint256[] memory, bool[] memory, uint256[] memory) {
        return _columns(_given(delegator, collection, useCase), false);
    }

    /// @notice Who delegated to `delegate`.
    function retrieveDelegatorsTokensIDsandExpiredDates(address delegate, address collection, uint256 useCase)
        public
        view
        returns (address[] memory, uint256[] memory, bool[] memory, uint256[] memory)
    {
        return _columns(_received(delegate, collection, useCase), true);
    }

    function retrieveActiveDelegations(address delegator, address collection, uint256 date, uint256 useCase)
        public
        view
        returns (address[] memory)
    {
        return _active(_given(delegator, collection, useCase), date, false);
    }

    function retrieveActiveDelegators(address delegate, address collection, uint256 date, uint256 useCase)
        public
        view
        returns (address[] memory)
    {
        return _active(_received(delegate, collection, useCase), date, true);
    }

    function retrieveMostRecentDelegation(address delegator, address collection, uint256 useCase)
        public
        view
        returns (address)
    {
        return _mostRecent(_given(delegator, collection, useCase), false);
    }

    function retrieveMostRecentDelegator(address delegate, address collection, uint256 useCase)
        public
        view
        returns (address)
    {
        return _mostRecent(_received(delegate, collection, useCase), true);
    }

    /// @notice Whether each wallet consolidated with the other, for this collection or for all. Ignores expiry.
    function checkConsolidationStatus(address wallet1, address wallet2, address collection)
        public
        view
        returns (bool)
    {
        return _consolidatedWith(wallet1, wallet2, collection)
            && _consolidatedWith(wallet2, wallet1, collection);
    }

    function _consolidatedWith(address from, address to, address collection) private view returns (bool) {
        return retrieveGlobalStatusOfDelegation(from, collection, to, CONSOLIDATION)
            || retrieveGlobalStatusOfDelegation(from, ALL_COLLECTIONS, to, CONSOLIDATION);
    }

    function _given(address delegator, address collection, uint256 useCase)
        private
        view
        returns (GlobalData[] memory)
    {
        address[] memory others = retrieveDelegationAddresses(delegator, collection, useCase);
        bytes32[] memory groups = new bytes32[](others.length);
        for (uint256 i = 0; i < others.length; ++i) {
            groups[i] = _globalHash(delegator, collection, others[i], useCase);
        }
        return _rows(groups);
    }

    function _received(address delegate, address collection, uint256 useCase)
        private
        view
        returns (GlobalData[] memory)
    {
        address[] memory others = retrieveDelegators(delegate, collection, useCase);
        bytes32[] memory groups = new bytes32[](others.length);
        for (uint256 i = 0; i < others.length; ++i) {
            groups[i] = _globalHash(others[i], collection, delegate, useCase);
        }
        return _rows(groups);
    }

    /// @dev Every pair once, at its last place in the list. Quadratic, as in the original.
    function _rows(bytes32[] memory groups) private view returns (GlobalData[] memory rows) {
        for (uint256 i = 0; i < groups.length; ++i) {
            for (uint256 j = i + 1; j < groups.length; ++j) {
                if (groups[i] == groups[j]) delete groups[i];
            }
        }
        uint256 total = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            total += globalDelegationHashes[groups[i]].length;
        }
        rows = new GlobalData[](total);
        uint256 next = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            GlobalData[] storage group = globalDelegationHashes[groups[i]];
            for (uint256 j = 0; j < group.length; ++j) {
                rows[next++] = group[j];
            }
        }
    }

    function _columns(GlobalData[] memory rows, bool delegators)
        private
        pure
        returns (
            address[] memory others,
            uint256[] memory expiries,
            bool[] memory allTokens,
            uint256[] memory tokenIds
        )
    {
        others = new address[](rows.length);
        expiries = new uint256[](rows.length);
        allTokens = new bool[](rows.length);
        tokenIds = new uint256[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            others[i] = delegators ? rows[i].delegatorAddress : rows[i].delegationAddress;
            expiries[i] = rows[i].expiryDate;
            allTokens[i] = rows[i].allTokens;
            tokenIds[i] = rows[i].tokens;
        }
    }

    /// @dev As long as `rows`: the expired ones leave zero addresses at the end.
    function _active(GlobalData[] memory rows, uint256 date, bool delegators)
        private
        pure
        returns (address[] memory others)
    {
        others = new address[](rows.length);
        uint256 next = 0;
        for (uint256 i = 0; i < rows.length; ++i) {
            if (rows[i].expiryDate <= date) continue;
            others[next++] = delegators ? rows[i].delegatorAddress : rows[i].delegationAddress;
        }
    }

    function _mostRecent(GlobalData[] memory rows, bool delegators) private pure returns (address other) {
        uint256 date = 0;
        for (uint256 i = 0; i < rows.length; ++i) {
            if (rows[i].registeredDate < date) continue;
            date = rows[i].registeredDate;
            other = delegators ? rows[i].delegatorAddress : rows[i].delegationAddress;
        }
    }

    function _contains(address[] memory list, address entry) internal pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == entry) return true;
        }
        return false;
    }
}
