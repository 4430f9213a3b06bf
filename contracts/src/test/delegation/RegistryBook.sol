// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegateRegistry} from "./IDelegateRegistry.sol";

/// @title RegistryBook
/// @notice Storage and bookkeeping of the delegate.xyz stand-in.
/// @dev Hashes and storage slots are those of the original, which promises them to readers of its storage.
abstract contract RegistryBook is IDelegateRegistry {
    /// @dev Marks the owner of a revoked delegation, so that renewing it does not list it twice.
    address internal constant REVOKED = address(1);

    /// @dev Slot 0: `owner` shares its word with the first 8 bytes of the contract, `to` with the other 12.
    struct Entry {
        address owner;
        uint64 contractHead;
        address to;
        uint96 contractTail;
        bytes32 rights;
        uint256 tokenId;
        uint256 amount;
    }

    mapping(bytes32 hash => Entry) internal entries;
    mapping(address from => bytes32[]) internal outgoing;
    mapping(address to => bytes32[]) internal incoming;

    /// @dev Writes the delegation that `hash` names, as given by `d`, with `d.from` as its owner.
    function _enable(bytes32 hash, Delegation memory d) internal {
        Entry storage entry = entries[hash];
        if (entry.owner == address(0)) {
            outgoing[d.from].push(hash);
            incoming[d.to].push(hash);
            entry.to = d.to;
            entry.contractHead = uint64(uint160(d.contract_) >> 96);
            entry.contractTail = uint96(uint160(d.contract_));
            entry.rights = d.rights;
            entry.tokenId = d.tokenId;
        }
        entry.owner = d.from;
        entry.amount = d.amount;
    }

    function _disable(bytes32 hash, address from) internal {
        Entry storage entry = entries[hash];
        if (entry.owner != from) return;
        entry.owner = REVOKED;
        entry.amount = 0;
    }

    function _isLive(bytes32 hash) internal view returns (bool) {
        address owner = entries[hash].owner;
        return owner != address(0) && owner != REVOKED;
    }

    function _load(bytes32 hash) internal view returns (Delegation memory) {
        Entry storage entry = entries[hash];
        return Delegation({
            type_: DelegationType(uint8(uint256(hash))),
            to: entry.to,
            from: entry.owner,
            rights: entry.rights,
            contract_: address((uint160(entry.contractHead) << 96) | entry.contractTail),
            tokenId: entry.tokenId,
            amount: entry.amount
        });
    }

    function _live(bytes32[] storage all) internal view returns (bytes32[] memory hashes) {
        uint256 count = 0;
        hashes = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            if (_isLive(all[i])) hashes[count++] = all[i];
        }
        assembly ("memory-safe") {
            // Shortening an array in place leaves unused memory behind it, which harms nobody.
            mstore(hashes, count)
        }
    }

    function _allHash(address from, bytes32 rights, address to) internal pure returns (bytes32) {
        return _typed(keccak256(abi.encodePacked(rights, from, to)), DelegationType.ALL);
    }

    /// @dev `kind` is CONTRACT or ERC20: both are named by the contract alone.
    function _contractHash(DelegationType kind, address from, bytes32 rights, address to, address contract_)
        internal
        pure
        returns (bytes32)
    {
        return _typed(keccak256(abi.encodePacked(rights, from, to, contract_)), kind);
    }

    /// @dev `kind` is ERC721 or ERC1155.
    function _tokenHash(
        DelegationType kind,
        address from,
        bytes32 rights,
        address to,
        uint256 tokenId,
        address contract_
    ) internal pure returns (bytes32) {
        return _typed(keccak256(abi.encodePacked(rights, from, to, contract_, tokenId)), kind);
    }

    function _typed(bytes32 hash, DelegationType kind) private pure returns (bytes32) {
        return (hash << 8) | bytes32(uint256(kind));
    }
}
