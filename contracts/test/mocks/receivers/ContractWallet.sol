// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Actor} from "./Receivers.sol";

/// @title ContractWallet
/// @notice An EIP-1271 wallet of one owner, honest or hostile as told.
contract ContractWallet is IERC1271, Actor {
    enum Mood {
        Honest,
        Refuses,
        Reverts,
        BurnsGas,
        AnswersShort,
        AnswersLong,
        AnswersDirty
    }

    address public immutable owner;
    Mood public mood;

    constructor(address owner_) {
        owner = owner_;
    }

    receive() external payable {}

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        if (mood == Mood.Reverts) revert("no");
        if (mood == Mood.Refuses) return 0xffffffff;
        if (mood == Mood.BurnsGas) while (gasleft() > 0) {}
        if (mood == Mood.AnswersDirty) {
            assembly ("memory-safe") {
                mstore(0, 0x1626ba7effffffffffffffffffffffffffffffffffffffffffffffffffffffff)
                return(0, 32)
            }
        }
        if (mood == Mood.AnswersShort) {
            assembly ("memory-safe") {
                mstore(0, 0x1626ba7e00000000000000000000000000000000000000000000000000000000)
                return(0, 4)
            }
        }
        (address who, ECDSA.RecoverError failure,) = ECDSA.tryRecover(hash, signature);
        if (failure != ECDSA.RecoverError.NoError || who != owner) return 0xffffffff;
        if (mood == Mood.AnswersLong) {
            assembly ("memory-safe") {
                mstore(0, 0x1626ba7e00000000000000000000000000000000000000000000000000000000)
                return(0, 100000)
            }
        }
        return IERC1271.isValidSignature.selector;
    }
}
