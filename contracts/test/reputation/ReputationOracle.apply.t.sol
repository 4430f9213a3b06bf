// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputationOracle, Measurement} from "../../src/interfaces/IReputationOracle.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {ReportBase} from "./ReportBase.sol";

/// @notice applyMeasurements, recompute, scoreOf and attested.
contract ReputationOracleApplyTest is ReportBase {
    function test_apply() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        (uint256 before,,,,) = oracle.scoreOf(node1.node);
        vm.expectEmit(address(oracle));
        // 300 + 300 + 200 + 200 · (1/365 · 2/5 + 2/5 + 1/5)
        emit IReputationOracle.ScoreApplied(node1.node, 1, epoch, list[0], 920);
        vm.prank(stranger);
        oracle.applyMeasurements(epoch, list, proofsOfThree(epoch, list));

        assertStanding(node1.node, true, true, 1.5 ether, 920);
        // 150 + 150 + 66 + 200 · (1/365 · 2/5 + 1/10 · 2/5 + 1/5) / 2, the second node of its operator
        assertStanding(node2.node, true, true, MIN_STAKE, 150 + 150 + 66 + 24);
        // 66 + 200 · (1/365 · 2/5 + 1/5)
        assertStanding(node3.node, true, true, MIN_STAKE, 66 + 40);
        assertLt(before, 920, "before");
        (Measurement memory values, uint64 known) = oracle.attested(node1.node);
        assertEq(known, epoch);
        assertEq(keccak256(abi.encode(values)), keccak256(abi.encode(list[0])));
    }

    function test_aPartAtATime() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        bytes32[][] memory proofs = proofsOfThree(epoch, list);
        for (uint256 i = 3; i > 0; --i) {
            (Measurement[] memory one, bytes32[][] memory proof) = (new Measurement[](1), new bytes32[][](1));
            (one[0], proof[0]) = (list[i - 1], proofs[i - 1]);
            oracle.applyMeasurements(epoch, one, proof);
            (, uint64 known) = oracle.attested(one[0].node);
            assertEq(known, epoch);
        }
    }

    function test_aPostedEpochOutlivesARotation() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        vm.prank(governor);
        oracle.setCommittee(members);
        oracle.applyMeasurements(epoch, list, proofsOfThree(epoch, list));
        assertStanding(node1.node, true, true, 1.5 ether, 920);
    }

    /// @dev Values are absolute, so nobody gains by leaving out or reordering reports.
    function test_anOlderReportIsSkipped() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory old = threeNodes();
        post(epoch, old);
        skip(1 hours);
        Measurement[] memory recent = threeNodes();
        recent[0].uptime = 0.25e18;
        post(epoch + 1, recent);
        oracle.applyMeasurements(epoch + 1, recent, proofsOfThree(epoch + 1, recent));
        vm.expectEmit(address(oracle));
        emit IReputationOracle.MeasurementSkipped(node1.node, epoch);
        oracle.applyMeasurements(epoch, old, proofsOfThree(epoch, old));
        (Measurement memory values,) = oracle.attested(node1.node);
        assertEq(values.uptime, 0.25e18);
    }

    function test_aRepetitionIsSkipped() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        postList(epoch, list);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.MeasurementSkipped(node1.node, epoch);
        oracle.applyMeasurements(epoch, list, proofsOfThree(epoch, list));
    }

    function test_anUnknownNodeIsSkipped() public {
        Measurement[] memory list = threeNodes();
        list[1].node = nodeKey("unknown").node;
        uint64 epoch = lastEpoch();
        vm.expectEmit(address(oracle));
        emit IReputationOracle.MeasurementSkipped(list[1].node, epoch);
        postList(epoch, list);
        assertStanding(node1.node, true, true, 1.5 ether, 920);
        assertStanding(node2.node, true, true, MIN_STAKE, 0);
    }

    /// @dev What was measured before a node came back is not its record's.
    function test_whatWasMeasuredBeforeTheRegistrationIsSkipped() public {
        uint64 epoch = lastEpoch();
        post(epoch, threeNodes());
        vm.prank(bob);
        registry.deregisterNode(node3.node);
        skip(UNBONDING);
        register(node3, bob, MIN_STAKE);
        Measurement[] memory list = threeNodes();
        vm.expectEmit(address(oracle));
        emit IReputationOracle.MeasurementSkipped(node3.node, epoch);
        oracle.applyMeasurements(epoch, list, proofsOfThree(epoch, list));
        (, uint64 known) = oracle.attested(node3.node);
        assertEq(known, 0);
    }

    function test_revertWhen_theEpochIsUnknown() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        bytes32[][] memory proofs = proofsOfThree(epoch, list);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleUnknownEpoch.selector, epoch)
        );
        oracle.applyMeasurements(epoch, list, proofs);
    }

    function test_revertWhen_lengthsDiffer() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        vm.expectRevert(IReputationOracle.ReputationOracleLengthMismatch.selector);
        oracle.applyMeasurements(epoch, list, new bytes32[][](2));
    }

    function test_revertWhen_aProofIsWrong() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        bytes32[][] memory proofs = proofsOfThree(epoch, list);
        list[1].volume += 1;
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleWrongProof.selector, 1));
        oracle.applyMeasurements(epoch, list, proofs);
    }

    /// @dev A leaf names its epoch.
    function test_revertWhen_theProofIsOfAnotherEpoch() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        skip(1 hours);
        Measurement[] memory other = threeNodes();
        other[0].volume = 1;
        post(epoch + 1, other);
        bytes32[][] memory proofs = proofsOfThree(epoch, list);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleWrongProof.selector, 0));
        oracle.applyMeasurements(epoch + 1, list, proofs);
    }

    function test_revertWhen_aValueIsTooLarge() public {
        for (uint256 i = 0; i < 4; ++i) {
            Measurement[] memory list = threeNodes();
            if (i == 0) list[0].uptime = 1e18 + 1;
            if (i == 1) list[0].throughput = 10_001;
            if (i == 2) list[0].latency = 10_001;
            if (i == 3) list[0].stability = 10_001;
            uint64 epoch = lastEpoch();
            post(epoch, list);
            bytes32[][] memory proofs = proofsOfThree(epoch, list);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IReputationOracle.ReputationOracleInvalidMeasurement.selector, node1.node
                )
            );
            oracle.applyMeasurements(epoch, list, proofs);
            skip(1 hours);
        }
    }

    function test_revertWhen_paused() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        post(epoch, list);
        bytes32[][] memory proofs = proofsOfThree(epoch, list);
        pause();
        vm.expectRevert(IReputationOracle.ReputationOraclePaused.selector);
        oracle.applyMeasurements(epoch, list, proofs);
        vm.expectRevert(IReputationOracle.ReputationOraclePaused.selector);
        oracle.recompute(node1.node);
    }

    // ------------------------------------------------------------------------------------------------ recompute

    function test_recompute() public {
        postList(lastEpoch(), threeNodes());
        vm.prank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.ScoreRecomputed(node1.node, 1, 920 - 200 + 66);
        vm.prank(stranger);
        assertEq(oracle.recompute(node1.node), 786);
        assertStanding(node1.node, true, true, MIN_STAKE, 786);
    }

    function test_anOffenceCosts() public {
        postList(lastEpoch(), threeNodes());
        slashNode(node1.node, 0);
        assertEq(oracle.recompute(node1.node), 900);
        slashNode(node1.node, 0);
        assertEq(oracle.recompute(node1.node), 880);
        slashNode(node1.node, 0);
        assertEq(oracle.recompute(node1.node), 880);
    }

    function test_historyGrowsWithAge() public {
        postList(lastEpoch(), threeNodes());
        skip(364 days);
        assertEq(oracle.recompute(node1.node), 1_000);
        skip(365 days);
        assertEq(oracle.recompute(node1.node), 1_000);
    }

    function test_weightsAreGoverned() public {
        postList(lastEpoch(), threeNodes());
        vm.prank(governor);
        params.setReputationWeights(1_000, 0, 0, 0);
        assertEq(oracle.recompute(node1.node), 1_000);
        assertEq(oracle.recompute(node2.node), 500);
        vm.prank(governor);
        params.setReputationWeights(0, 0, 1_000, 0);
        assertEq(oracle.recompute(node1.node), 1_000);
        assertEq(oracle.recompute(node2.node), 333);
    }

    /// @dev A record keeps what was attested when its key changes; an old address leads to it.
    function test_theRecordCounts() public {
        postList(lastEpoch(), threeNodes());
        NodeKey memory fresh = nodeKey("fresh");
        string memory message = registry.keyChangeMessage(node1.node, fresh.node, alice);
        vm.startPrank(alice);
        registry.changeKey(node1.node, fresh.node, proofOf(node1, message), proofOf(fresh, message));
        vm.stopPrank();
        assertEq(oracle.recompute(fresh.node), 920);
        assertEq(oracle.recompute(node1.node), 920);
    }

    function test_recomputeRevertWhen_nothingIsAttested() public {
        bytes memory reason =
            abi.encodeWithSelector(IReputationOracle.ReputationOracleNothingAttested.selector, node1.node);
        vm.expectRevert(reason);
        oracle.recompute(node1.node);
        bytes20 unknown = nodeKey("unknown").node;
        reason = abi.encodeWithSelector(IReputationOracle.ReputationOracleNothingAttested.selector, unknown);
        vm.expectRevert(reason);
        oracle.recompute(unknown);
        vm.expectRevert(reason);
        oracle.scoreOf(unknown);
    }

    function test_scoreOfANewNode() public view {
        (uint256 score, uint256 uptime, uint256 quality, uint256 stake, uint256 history) =
            oracle.scoreOf(node1.node);
        assertEq(uptime, 0);
        assertEq(quality, 0);
        assertEq(stake, 200);
        assertEq(history, 40);
        assertEq(score, 240);
        assertStanding(node1.node, true, true, 1.5 ether, 0);
    }

    function test_aScoreNeverExceeds1000(Measurement memory values, uint256 stake, uint32 age) public {
        values.node = node1.node;
        values.uptime = uint64(bound(values.uptime, 0, 1e18));
        values.throughput = uint16(bound(values.throughput, 0, 10_000));
        values.latency = uint16(bound(values.latency, 0, 10_000));
        values.stability = uint16(bound(values.stability, 0, 10_000));
        stake = bound(stake, 1, 500 ether);
        vm.prank(alice);
        registry.topUp{value: stake}(node1.node);
        skip(age);
        Measurement[] memory list = new Measurement[](1);
        list[0] = values;
        postList(lastEpoch(), list);
        (uint256 score,,,,) = oracle.scoreOf(node1.node);
        assertLe(score, 1_000, "score");
        assertStanding(node1.node, true, true, 1.5 ether + stake, score);
    }
}
