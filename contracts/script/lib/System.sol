// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {ParameterRegistry} from "../../src/governance/ParameterRegistry.sol";
import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";
import {NodeRegistry} from "../../src/reputation/NodeRegistry.sol";
import {ReputationOracle} from "../../src/reputation/ReputationOracle.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";

/// @notice All contracts of one deployment.
struct System {
    address memes;
    TieredTimelock timelock;
    AccessPolicy access;
    ParameterRegistry parameters;
    NodeRegistry nodes;
    ReputationOracle oracle;
    SlashingManager slashing;
    PaymentSplitter splitter;
    SessionManager sessions;
}

/// @notice Who holds power; all of them multisigs on a public chain.
/// @param core proposes and may cancel at first (phase 1), may only cancel later (phase 2), and then nothing.
/// @param executor executes always; from phase 2 on it also proposes, bound to votes.
/// @param guardian pauses and blacklists until phase 3.
/// @param council pauses from phase 3 on, and can do nothing else.
struct Actors {
    address core;
    address executor;
    address guardian;
    address council;
}

/// @notice What a deployment is made from.
/// @param memes The Memes; the zero address deploys TestMemes, which only a test network allows.
/// @param nftDelegation 6529 NFTDelegation; the zero address switches it off.
/// @param delegateXyz delegate.xyz v2; the zero address switches it off.
/// @param highestCard highest card id minted already.
/// @param treasury receives slashed stake and its share; the zero address stands for the timelock itself.
/// @param tokens accepted besides ETH.
/// @param salt sets deployments of one configuration apart; any number, usually 0.
/// @param committee first members, in ascending order, or none; the deployer puts up their bonds.
struct Config {
    uint256 chainId;
    Actors actors;
    address memes;
    address nftDelegation;
    address delegateXyz;
    uint256 highestCard;
    address treasury;
    address[] tokens;
    address[] committee;
    bytes32 salt;
}

/// @notice Short lists.
library Lists {
    function one(address account) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function two(address a, address b) internal pure returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (a, b);
    }

    function contains(address[] memory list, address entry) internal pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == entry) return true;
        }
        return false;
    }
}
