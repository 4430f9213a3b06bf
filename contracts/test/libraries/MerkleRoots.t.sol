// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MerkleRoots} from "../../src/libraries/MerkleRoots.sol";
import {BaseTest} from "../utils/BaseTest.sol";

contract MerkleRootsTest is BaseTest {
    /// @dev Every leaf of a tree of any size is proven with the library that verifies.
    function test_everyLeafHasAProof(uint256 seed, uint256 size) public pure {
        size = bound(size, 1, 40);
        bytes32 root = MerkleRoots.fold(_leaves(seed, size));
        for (uint256 i = 0; i < size; ++i) {
            bytes32 leaf = _leaves(seed, size)[i];
            assertTrue(MerkleProof.verify(_proof(_leaves(seed, size), i), root, leaf), "leaf");
            assertFalse(MerkleProof.verify(_proof(_leaves(seed, size), i), root, ~leaf), "no leaf");
        }
    }

    function test_small() public pure {
        assertEq(MerkleRoots.fold(new bytes32[](0)), bytes32(0));
        bytes32[] memory one = _leaves(1, 1);
        bytes32 leaf = one[0];
        assertEq(MerkleRoots.fold(one), leaf);
        bytes32[] memory two = _leaves(1, 2);
        bytes32 root = Hashes.commutativeKeccak256(two[0], two[1]);
        assertEq(MerkleRoots.fold(two), root);
    }

    function _leaves(uint256 seed, uint256 size) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
    }

    function _proof(bytes32[] memory level, uint256 index) private pure returns (bytes32[] memory proof) {
        bytes32[] memory path = new bytes32[](8);
        uint256 depth = 0;
        uint256 length = level.length;
        while (length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < length) path[depth++] = level[sibling];
            uint256 next = (length + 1) / 2;
            for (uint256 i = 0; i < next; ++i) {
                level[i] = 2 * i + 1 < length
                    ? Hashes.commutativeKeccak256(level[2 * i], level[2 * i + 1])
                    : level[2 * i];
            }
            (index, length) = (index / 2, next);
        }
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = path[i];
        }
    }
}
