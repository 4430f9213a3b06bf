// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// @title HostileWallet
/// @notice A contract wallet that answers a signature check in each of the ways that must not count as a yes.
contract HostileWallet is ERC1155Holder {
    enum Mood {
        Reverts,
        RevertsWithMagic,
        Garbage,
        ShortMagic,
        DirtyMagic,
        Silent,
        BurnsGas,
        HugeAnswer
    }

    /// @dev Storage, not immutable: the code can be placed anywhere, and its mood set after.
    Mood public mood;

    uint256 private burnt;

    constructor(Mood mood_) {
        mood = mood_;
    }

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    fallback() external {
        bytes32 magic = bytes32(bytes4(0x1626ba7e));
        Mood now_ = mood;
        if (now_ == Mood.Reverts) revert("no");
        if (now_ == Mood.RevertsWithMagic) _end(magic, 32, true);
        if (now_ == Mood.Garbage) _end(keccak256("garbage"), 32, false);
        if (now_ == Mood.ShortMagic) _end(magic, 4, false);
        if (now_ == Mood.DirtyMagic) _end(magic | bytes32(uint256(1)), 32, false);
        if (now_ == Mood.HugeAnswer) _end(0, 400_000, false);
        if (now_ == Mood.BurnsGas) _burn();
    }

    function _burn() private view {
        uint256 sum = 0;
        while (gasleft() > 0) sum += burnt;
    }

    function _end(bytes32 word, uint256 size, bool failing) private pure {
        assembly ("memory-safe") {
            let answer := mload(0x40)
            mstore(answer, word)
            if failing { revert(answer, size) }
            return(answer, size)
        }
    }
}
