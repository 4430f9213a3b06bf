// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputationOracle, Measurement} from "../../src/interfaces/IReputationOracle.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice Reports for the tests of the oracle.
abstract contract ReportBase is ReputationBase {
    function setUp() public virtual override {
        super.setUp();
        register(node1, alice, 1.5 ether);
        register(node2, alice, MIN_STAKE);
        register(node3, bob, MIN_STAKE);
        skip(1 days);
    }

    /// @dev The epoch that ended last.
    function lastEpoch() internal view returns (uint64) {
        return timestamp() / 3_600 - 1;
    }

    function measured(bytes20 node, uint64 uptime, uint16 points, uint64 volume)
        internal
        pure
        returns (Measurement memory)
    {
        return Measurement({
            node: node, uptime: uptime, throughput: points, latency: points, stability: points, volume: volume
        });
    }

    function threeNodes() internal view returns (Measurement[] memory list) {
        list = new Measurement[](3);
        list[0] = measured(node1.node, 1e18, 10_000, 10e12);
        list[1] = measured(node2.node, 0.5e18, 5_000, 1e12);
        list[2] = measured(node3.node, 0, 0, 0);
    }

    function post(uint64 epoch, Measurement[] memory list) internal {
        bytes32 root = oracle.rootOf(epoch, list);
        uint64 version = oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            signed(oracle.reportHash(epoch, root, uint32(list.length), version), THRESHOLD);
        oracle.postEpoch(epoch, root, uint32(list.length), version, signers, signatures);
    }

    function postList(uint64 epoch, Measurement[] memory list) internal {
        bytes32 root = oracle.rootOf(epoch, list);
        uint64 version = oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            signed(oracle.reportHash(epoch, root, uint32(list.length), version), THRESHOLD);
        oracle.postEpochList(epoch, list, version, signers, signatures);
    }

    /// @dev Proofs for a list of three: the third leaf is carried up.
    function proofsOfThree(uint64 epoch, Measurement[] memory list)
        internal
        view
        returns (bytes32[][] memory proofs)
    {
        bytes32 first = oracle.leafOf(epoch, list[0]);
        bytes32 second = oracle.leafOf(epoch, list[1]);
        bytes32 third = oracle.leafOf(epoch, list[2]);
        proofs = new bytes32[][](3);
        proofs[0] = new bytes32[](2);
        (proofs[0][0], proofs[0][1]) = (second, third);
        proofs[1] = new bytes32[](2);
        (proofs[1][0], proofs[1][1]) = (first, third);
        proofs[2] = new bytes32[](1);
        proofs[2][0] = first < second
            ? keccak256(abi.encodePacked(first, second))
            : keccak256(abi.encodePacked(second, first));
    }
}
