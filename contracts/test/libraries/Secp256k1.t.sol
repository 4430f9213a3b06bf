// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Secp256k1} from "../../src/libraries/Secp256k1.sol";
import {BaseTest} from "../utils/BaseTest.sol";
import {Vm} from "../utils/Vm.sol";

contract Secp256k1Test is BaseTest {
    uint256 private constant P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
    uint256 private constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function test_ethereumAddress(uint256 seed) public {
        Vm.Wallet memory wallet = vm.createWallet(vm.toString(seed));
        assertEq(Secp256k1.ethereumAddress(_compressed(wallet)), wallet.addr);
    }

    /// @dev The generator itself, both roots.
    function test_generator() public pure {
        bytes memory key = hex"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        assertEq(Secp256k1.cosmosAddress(key), bytes20(hex"751e76e8199196d454941c45d1b3a323f1433bd6"));
    }

    function test_bothRoots() public view {
        bytes memory key = hex"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        assertEq(Secp256k1.ethereumAddress(key), vm.addr(1));
        key[0] = 0x03;
        assertEq(Secp256k1.ethereumAddress(key), vm.addr(N - 1));
    }

    function test_noPoint() public view {
        // 5³ + 7 has no root.
        assertEq(Secp256k1.ethereumAddress(abi.encodePacked(uint8(2), uint256(5))), address(0));
        assertEq(Secp256k1.ethereumAddress(abi.encodePacked(uint8(2), uint256(0))), address(0));
    }

    /// @dev x is taken as it is, not modulo P: one key, one encoding.
    function test_xBeyondTheField() public view {
        assertTrue(
            Secp256k1.ethereumAddress(abi.encodePacked(uint8(2), uint256(1))) != address(0), "1 is a point"
        );
        assertEq(Secp256k1.ethereumAddress(abi.encodePacked(uint8(2), P + 1)), address(0));
        assertEq(Secp256k1.ethereumAddress(abi.encodePacked(uint8(2), P)), address(0));
    }

    function test_otherEncodings(uint8 prefix) public {
        Vm.Wallet memory wallet = vm.createWallet("key");
        bytes memory key = _compressed(wallet);
        if (prefix != 2 && prefix != 3) {
            key[0] = bytes1(prefix);
            assertEq(Secp256k1.ethereumAddress(key), address(0));
        }
        assertEq(Secp256k1.ethereumAddress(""), address(0));
        assertEq(Secp256k1.ethereumAddress(abi.encodePacked(key, uint8(0))), address(0));
        assertEq(
            Secp256k1.ethereumAddress(abi.encodePacked(uint8(4), wallet.publicKeyX, wallet.publicKeyY)),
            address(0)
        );
    }

    function test_isSignature(uint256 seed, bytes32 hash) public {
        Vm.Wallet memory wallet = vm.createWallet(vm.toString(seed));
        (, bytes32 r, bytes32 s) = vm.sign(wallet.privateKey, hash);
        assertTrue(Secp256k1.isSignature(wallet.addr, hash, abi.encodePacked(r, s)), "signature");
        assertFalse(Secp256k1.isSignature(wallet.addr, hash, abi.encodePacked(r, N - uint256(s))), "high s");
        assertFalse(
            Secp256k1.isSignature(wallet.addr, keccak256(abi.encode(hash)), abi.encodePacked(r, s)),
            "another hash"
        );
        assertFalse(Secp256k1.isSignature(address(1), hash, abi.encodePacked(r, s)), "another signer");
    }

    /// @dev What ecrecover answers to nonsense is the zero address: nobody's.
    function test_nobodySigns(bytes32 hash) public pure {
        assertFalse(Secp256k1.isSignature(address(0), hash, new bytes(64)), "zero");
        assertFalse(Secp256k1.isSignature(address(1), hash, new bytes(64)), "zero");
        assertFalse(Secp256k1.isSignature(address(1), hash, new bytes(65)), "65 bytes");
        assertFalse(Secp256k1.isSignature(address(1), hash, ""), "empty");
    }

    function _compressed(Vm.Wallet memory wallet) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(2 + (wallet.publicKeyY & 1)), wallet.publicKeyX);
    }
}
