// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DelegationViews} from "./DelegationViews.sol";

/// @title NFTDelegation
/// @notice Stand-in for the 6529 contract of that name on a test chain: same ABI, same behaviour.
contract NFTDelegation is DelegationViews {
    event RegisterDelegation(
        address indexed from,
        address indexed collectionAddress,
        address indexed delegationAddress,
        uint256 useCase,
        bool allTokens,
        uint256 _tokenId
    );
    event RegisterDelegationUsingSubDelegation(
        address indexed delegator,
        address from,
        address indexed collectionAddress,
        address indexed delegationAddress,
        uint256 useCase,
        bool allTokens,
        uint256 _tokenId
    );
    event RevokeDelegation(
        address indexed from,
        address indexed collectionAddress,
        address indexed delegationAddress,
        uint256 useCase
    );
    event RevokeDelegationUsingSubDelegation(
        address indexed delegator,
        address from,
        address indexed collectionAddress,
        address indexed delegationAddress,
        uint256 useCase
    );
    event UpdateDelegation(
        address indexed from,
        address indexed collectionAddress,
        address olddelegationAddress,
        address indexed newdelegationAddress,
        uint256 useCase,
        bool allTokens,
        uint256 _tokenId
    );

    function registerDelegationAddress(
        address collection,
        address delegate,
        uint256 expiry,
        uint256 useCase,
        bool allTokens,
        uint256 tokenId
    ) public {
        _register(msg.sender, collection, delegate, expiry, useCase, allTokens, tokenId);
        emit RegisterDelegation(msg.sender, collection, delegate, useCase, allTokens, tokenId);
    }

    function registerDelegationAddressUsingSubDelegation(
        address delegator,
        address collection,
        address delegate,
        uint256 expiry,
        uint256 useCase,
        bool allTokens,
        uint256 tokenId
    ) public {
        require(_mayActFor(delegator, collection));
        _register(delegator, collection, delegate, expiry, useCase, allTokens, tokenId);
        emit RegisterDelegationUsingSubDelegation(
            delegator, msg.sender, collection, delegate, useCase, allTokens, tokenId
        );
    }

    function revokeDelegationAddress(address collection, address delegate, uint256 useCase) public {
        if (_revoke(msg.sender, collection, delegate, useCase)) {
            emit RevokeDelegation(msg.sender, collection, delegate, useCase);
        }
    }

    function revokeDelegationAddressUsingSubdelegation(
        address delegator,
        address collection,
        address delegate,
        uint256 useCase
    ) public {
        require(_mayActFor(delegator, collection));
        if (_revoke(delegator, collection, delegate, useCase)) {
            emit RevokeDelegationUsingSubDelegation(delegator, msg.sender, collection, delegate, useCase);
        }
    }

    function batchRevocations(
        address[] memory collections,
        address[] memory delegates,
        uint256[] memory useCases
    ) public {
        require(collections.length < 6);
        for (uint256 i = 0; i < collections.length; ++i) {
            revokeDelegationAddress(collections[i], delegates[i], useCases[i]);
        }
    }

    function updateDelegationAddress(
        address collection,
        address oldDelegate,
        address newDelegate,
        uint256 expiry,
        uint256 useCase,
        bool allTokens,
        uint256 tokenId
    ) public {
        revokeDelegationAddress(collection, oldDelegate, useCase);
        registerDelegationAddress(collection, newDelegate, expiry, useCase, allTokens, tokenId);
        emit UpdateDelegation(msg.sender, collection, oldDelegate, newDelegate, useCase, allTokens, tokenId);
    }

    function batchDelegations(
        address[] memory collections,
        address[] memory delegates,
        uint256[] memory expiries,
        uint256[] memory useCases,
        bool[] memory allTokens,
        uint256[] memory tokenIds
    ) public {
        require(collections.length < 6);
        for (uint256 i = 0; i < collections.length; ++i) {
            registerDelegationAddress(
                collections[i], delegates[i], expiries[i], useCases[i], allTokens[i], tokenIds[i]
            );
        }
    }

    /// @dev Sub-delegation counts for the collection or for all, whatever its expiry.
    function _mayActFor(address delegator, address collection) private view returns (bool) {
        return _contains(retrieveDelegators(msg.sender, collection, SUB_DELEGATION), delegator)
            || _contains(retrieveDelegators(msg.sender, ALL_COLLECTIONS, SUB_DELEGATION), delegator);
    }
}
