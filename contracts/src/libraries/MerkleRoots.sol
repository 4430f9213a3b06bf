// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title MerkleRoots
/// @notice The root that OpenZeppelin's MerkleProof verifies against, from all leaves.
library MerkleRoots {
    /// @notice Pairs are hashed sorted, an odd one is carried up. Uses up `level`; 0 for no leaves.
    function fold(bytes32[] memory level) internal pure returns (bytes32) {
        uint256 length = level.length;
        if (length == 0) return 0;
        while (length > 1) {
            uint256 half = length / 2;
            for (uint256 i = 0; i < half; ++i) {
                level[i] = Hashes.commutativeKeccak256(level[2 * i], level[2 * i + 1]);
            }
            if (length % 2 == 1) level[half] = level[length - 1];
            length = half + length % 2;
        }
        return level[0];
    }
}
