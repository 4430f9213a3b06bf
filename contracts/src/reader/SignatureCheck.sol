// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title SignatureCheck
/// @notice Does contract wallet `signer` accept `signature` for `hash` (ERC-1271), also before the wallet is
/// deployed (ERC-6492)? Never deployed: sent as the code of an `eth_call` without a receiver, whose answer is
/// (verdict, chain id, block number, block time, parent hash).
/// @dev The wallet and its factory are hostile: each gets bounded gas, none of their return data is copied
/// beyond one word, and whatever they do ends in a verdict instead of a revert.
contract SignatureCheck {
    bytes4 private constant ERC1271_MAGIC = 0x1626ba7e;
    bytes32 private constant ERC6492_MAGIC =
        0x6492649264926492649264926492649264926492649264926492649264926492;

    uint256 private constant FACTORY_GAS = 5_000_000;
    uint256 private constant WALLET_GAS = 5_000_000;

    constructor(address signer, bytes32 hash, bytes memory signature) {
        bool verdict = _check(signer, hash, signature);
        bytes32 parent = block.number == 0 ? bytes32(0) : blockhash(block.number - 1);
        bytes memory answer = abi.encode(verdict, block.chainid, block.number, block.timestamp, parent);
        assembly ("memory-safe") {
            return(add(answer, 32), mload(answer))
        }
    }

    function _check(address signer, bytes32 hash, bytes memory signature) private returns (bool) {
        if (!_isWrapped(signature)) return _accepts(signer, hash, signature);
        (bool ok, address factory, bytes memory order, bytes memory inner) = _unwrap(signature);
        if (!ok) return false;
        // A deployed wallet speaks for itself: the factory could only prepare a state that is not there.
        if (signer.code.length == 0) _callFactory(factory, order);
        return _accepts(signer, hash, inner);
    }

    function _accepts(address signer, bytes32 hash, bytes memory signature) private view returns (bool) {
        if (signer.code.length == 0) return false;
        bytes memory question = abi.encodeWithSelector(ERC1271_MAGIC, hash, signature);
        bool success;
        uint256 size;
        bytes32 answer;
        assembly ("memory-safe") {
            mstore(0, 0)
            success := staticcall(WALLET_GAS, signer, add(question, 32), mload(question), 0, 32)
            size := returndatasize()
            answer := mload(0)
        }
        return success && size >= 32 && answer == bytes32(ERC1271_MAGIC);
    }

    function _callFactory(address factory, bytes memory order) private {
        assembly ("memory-safe") {
            // Success is not asked for: what counts is whether the wallet has code afterwards.
            pop(call(FACTORY_GAS, factory, 0, add(order, 32), mload(order), 0, 0))
        }
    }

    function _isWrapped(bytes memory signature) private pure returns (bool) {
        return signature.length >= 32 && _word(signature, signature.length - 32) == uint256(ERC6492_MAGIC);
    }

    /// @dev Reads (address, bytes, bytes) like `abi.decode`, but says no where that would revert.
    function _unwrap(bytes memory signature)
        private
        pure
        returns (bool ok, address factory, bytes memory order, bytes memory inner)
    {
        uint256 length = signature.length - 32;
        if (length < 96) return (false, factory, order, inner);
        uint256 first = _word(signature, 0);
        if (first > type(uint160).max) return (false, factory, order, inner);
        factory = address(uint160(first));
        (ok, order) = _bytesAt(signature, length, _word(signature, 32));
        if (!ok) return (false, factory, order, inner);
        (ok, inner) = _bytesAt(signature, length, _word(signature, 64));
    }

    function _bytesAt(bytes memory data, uint256 length, uint256 offset)
        private
        pure
        returns (bool ok, bytes memory part)
    {
        if (offset > length || length - offset < 32) return (false, part);
        uint256 size = _word(data, offset);
        if (size > length - offset - 32) return (false, part);
        part = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 64), offset), size)
        }
        return (true, part);
    }

    function _word(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), offset))
        }
    }
}
