// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegateRegistry} from "./IDelegateRegistry.sol";
import {RegistryBook} from "./RegistryBook.sol";

/// @title DelegateRegistry
/// @notice Stand-in for delegate.xyz v2 on a test chain: same ABI, same hashes, same behaviour.
contract DelegateRegistry is RegistryBook {
    function multicall(bytes[] calldata data) external payable returns (bytes[] memory results) {
        results = new bytes[](data.length);
        bool success;
        for (uint256 i = 0; i < data.length; ++i) {
            (success, results[i]) = address(this).delegatecall(data[i]);
            if (!success) revert MulticallFailed();
        }
    }

    function delegateAll(address to, bytes32 rights, bool enable) external payable returns (bytes32 hash) {
        hash = _allHash(msg.sender, rights, to);
        _write(hash, _delegation(DelegationType.ALL, to, rights, address(0), 0, 0), enable);
        emit DelegateAll(msg.sender, to, rights, enable);
    }

    function delegateContract(address to, address contract_, bytes32 rights, bool enable)
        external
        payable
        returns (bytes32 hash)
    {
        hash = _contractHash(DelegationType.CONTRACT, msg.sender, rights, to, contract_);
        _write(hash, _delegation(DelegationType.CONTRACT, to, rights, contract_, 0, 0), enable);
        emit DelegateContract(msg.sender, to, contract_, rights, enable);
    }

    function delegateERC721(address to, address contract_, uint256 tokenId, bytes32 rights, bool enable)
        external
        payable
        returns (bytes32 hash)
    {
        hash = _tokenHash(DelegationType.ERC721, msg.sender, rights, to, tokenId, contract_);
        _write(hash, _delegation(DelegationType.ERC721, to, rights, contract_, tokenId, 0), enable);
        emit DelegateERC721(msg.sender, to, contract_, tokenId, rights, enable);
    }

    function delegateERC20(address to, address contract_, bytes32 rights, uint256 amount)
        external
        payable
        returns (bytes32 hash)
    {
        hash = _contractHash(DelegationType.ERC20, msg.sender, rights, to, contract_);
        _write(hash, _delegation(DelegationType.ERC20, to, rights, contract_, 0, amount), amount != 0);
        emit DelegateERC20(msg.sender, to, contract_, rights, amount);
    }

    function delegateERC1155(address to, address contract_, uint256 tokenId, bytes32 rights, uint256 amount)
        external
        payable
        returns (bytes32 hash)
    {
        hash = _tokenHash(DelegationType.ERC1155, msg.sender, rights, to, tokenId, contract_);
        _write(hash, _delegation(DelegationType.ERC1155, to, rights, contract_, tokenId, amount), amount != 0);
        emit DelegateERC1155(msg.sender, to, contract_, tokenId, rights, amount);
    }

    function checkDelegateForAll(address to, address from, bytes32 rights) external view returns (bool) {
        return _coversAll(to, from, 0) || _coversAll(to, from, rights);
    }

    function checkDelegateForContract(address to, address from, address contract_, bytes32 rights)
        external
        view
        returns (bool)
    {
        return _coversContract(to, from, contract_, 0) || _coversContract(to, from, contract_, rights);
    }

    function checkDelegateForERC721(
        address to,
        address from,
        address contract_,
        uint256 tokenId,
        bytes32 rights
    ) external view returns (bool) {
        return _covers721(to, from, contract_, tokenId, 0) || _covers721(to, from, contract_, tokenId, rights);
    }

    function checkDelegateForERC20(address to, address from, address contract_, bytes32 rights)
        external
        view
        returns (uint256)
    {
        return _max(_amount20(to, from, contract_, 0), _amount20(to, from, contract_, rights));
    }

    function checkDelegateForERC1155(
        address to,
        address from,
        address contract_,
        uint256 tokenId,
        bytes32 rights
    ) external view returns (uint256) {
        return _max(
            _amount1155(to, from, contract_, tokenId, 0), _amount1155(to, from, contract_, tokenId, rights)
        );
    }

    function getIncomingDelegations(address to) external view returns (Delegation[] memory) {
        return _loadLive(_live(incoming[to]));
    }

    function getOutgoingDelegations(address from) external view returns (Delegation[] memory) {
        return _loadLive(_live(outgoing[from]));
    }

    function getIncomingDelegationHashes(address to) external view returns (bytes32[] memory) {
        return _live(incoming[to]);
    }

    function getOutgoingDelegationHashes(address from) external view returns (bytes32[] memory) {
        return _live(outgoing[from]);
    }

    function getDelegationsFromHashes(bytes32[] calldata hashes) external view returns (Delegation[] memory) {
        return _loadLive(hashes);
    }

    function readSlot(bytes32 location) public view returns (bytes32 contents) {
        assembly ("memory-safe") {
            contents := sload(location)
        }
    }

    function readSlots(bytes32[] calldata locations) external view returns (bytes32[] memory contents) {
        contents = new bytes32[](locations.length);
        for (uint256 i = 0; i < locations.length; ++i) {
            contents[i] = readSlot(locations[i]);
        }
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IDelegateRegistry).interfaceId || interfaceId == 0x01ffc9a7;
    }

    function _delegation(
        DelegationType kind,
        address to,
        bytes32 rights,
        address contract_,
        uint256 tokenId,
        uint256 amount
    ) private view returns (Delegation memory) {
        return Delegation(kind, to, msg.sender, rights, contract_, tokenId, amount);
    }

    function _write(bytes32 hash, Delegation memory d, bool enable) private {
        if (enable) _enable(hash, d);
        else _disable(hash, d.from);
    }

    /// @dev Revoked and unknown hashes leave an empty entry.
    function _loadLive(bytes32[] memory hashes) private view returns (Delegation[] memory list) {
        list = new Delegation[](hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            if (_isLive(hashes[i])) list[i] = _load(hashes[i]);
        }
    }

    /// @dev The zero address and the mark of a revoked entry own nothing.
    function _owns(address from, bytes32 hash) private view returns (bool) {
        return from != address(0) && from != REVOKED && entries[hash].owner == from;
    }

    function _coversAll(address to, address from, bytes32 rights) private view returns (bool) {
        return _owns(from, _allHash(from, rights, to));
    }

    function _coversContract(address to, address from, address contract_, bytes32 rights)
        private
        view
        returns (bool)
    {
        return _coversAll(to, from, rights)
            || _owns(from, _contractHash(DelegationType.CONTRACT, from, rights, to, contract_));
    }

    function _covers721(address to, address from, address contract_, uint256 tokenId, bytes32 rights)
        private
        view
        returns (bool)
    {
        return _coversContract(to, from, contract_, rights)
            || _owns(from, _tokenHash(DelegationType.ERC721, from, rights, to, tokenId, contract_));
    }

    function _amount20(address to, address from, address contract_, bytes32 rights)
        private
        view
        returns (uint256)
    {
        if (_coversContract(to, from, contract_, rights)) return type(uint256).max;
        return _amount(from, _contractHash(DelegationType.ERC20, from, rights, to, contract_));
    }

    function _amount1155(address to, address from, address contract_, uint256 tokenId, bytes32 rights)
        private
        view
        returns (uint256)
    {
        if (_coversContract(to, from, contract_, rights)) return type(uint256).max;
        return _amount(from, _tokenHash(DelegationType.ERC1155, from, rights, to, tokenId, contract_));
    }

    function _amount(address from, bytes32 hash) private view returns (uint256) {
        return _owns(from, hash) ? entries[hash].amount : 0;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
