// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Secp256k1
/// @notice Addresses of a compressed public key on both kinds of chain, and signatures without a recovery id.
library Secp256k1 {
    uint256 private constant P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;

    /// @notice Address of `pubKey` on Cosmos chains: ripemd160 of sha256 of the 33 bytes.
    function cosmosAddress(bytes memory pubKey) internal pure returns (bytes20) {
        return ripemd160(abi.encodePacked(sha256(pubKey)));
    }

    /// @notice Address of `pubKey` on Ethereum; zero when it is not a compressed point of the curve.
    function ethereumAddress(bytes memory pubKey) internal view returns (address) {
        if (pubKey.length != 33) return address(0);
        uint256 prefix = uint8(pubKey[0]);
        if (prefix != 2 && prefix != 3) return address(0);
        uint256 x;
        assembly ("memory-safe") {
            x := mload(add(pubKey, 33))
        }
        if (x >= P) return address(0);

        // y² = x³ + 7; as P = 3 mod 4, a root is the power (P + 1) / 4, if there is one.
        uint256 square = addmod(mulmod(mulmod(x, x, P), x, P), 7, P);
        uint256 y = Math.modExp(square, (P + 1) / 4, P);
        if (mulmod(y, y, P) != square) return address(0);
        if (y & 1 != prefix & 1) y = P - y;
        return address(uint160(uint256(keccak256(abi.encodePacked(x, y)))));
    }

    /// @notice Whether `signature`, r || s with a low s, of `hash` is that of the key with this Ethereum address.
    function isSignature(address signer, bytes32 hash, bytes memory signature) internal pure returns (bool) {
        if (signer == address(0) || signature.length != 64) return false;
        bytes32 r;
        bytes32 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        // The form has no recovery id, so both are tried.
        (address even,,) = ECDSA.tryRecover(hash, 27, r, s);
        (address odd,,) = ECDSA.tryRecover(hash, 28, r, s);
        return even == signer || odd == signer;
    }
}
