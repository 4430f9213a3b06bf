// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {HostileSink, RecordingSink} from "../mocks/Sinks.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice updateReputationScore, weights and the reward sink.
contract NodeRegistryScoreTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        register(node2, bob, MIN_STAKE);
    }

    function test_score() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 2 ether, 1_000, false, uint64(START));
        setScore(node1, 1_000);
        assertStanding(node1.node, true, true, 2 ether, 1_000);
        assertEq(registry.rewardWeight(node1.node), 2_000 ether);
        assertEq(registry.totalRewardWeight(), 2_000 ether);
        assertEq(sink.weights(node1.node), 2_000 ether);
    }

    function test_theSameScoreIsNoEvent() public {
        setScore(node1, 700);
        vm.recordLogs();
        setScore(node1, 700);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_weightsSumUp(uint16 first, uint16 second, uint256 bps) public {
        setScore(node1, uint16(bound(first, 0, 1_000)));
        setScore(node2, uint16(bound(second, 0, 1_000)));
        slashNode(node1.node, bound(bps, 0, 10_000));
        uint256 sum = registry.rewardWeight(node1.node) + registry.rewardWeight(node2.node);
        assertEq(registry.totalRewardWeight(), sum);
        assertEq(sink.total(), sum);
    }

    function test_scoreRevertWhen_above1000() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryInvalidScore.selector, 1_001));
        setScore(node1, 1_001);
    }

    function test_scoreRevertWhen_notReporter() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, alice, registry.REPORTER_ROLE()
            )
        );
        vm.prank(alice);
        registry.updateReputationScore(node1.node, 1_000);
    }

    function test_scoreRevertWhen_notRegistered() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, node3.node));
        setScore(node3, 1);
    }

    // ------------------------------------------------------------------------------------------------ sink

    function test_weightIsZeroWhileInactive() public {
        setScore(node2, 100);
        assertEq(sink.weights(node2.node), 50 ether);
        slashNode(node2.node, 1);
        assertEq(sink.weights(node2.node), 0);
        vm.prank(bob);
        registry.topUp{value: 1 ether}(node2.node);
        assertEq(sink.weights(node2.node), registry.rewardWeight(node2.node));
    }

    function test_aFailingSinkBlocksNobody() public {
        HostileSink hostile = _hostile();
        setScore(node1, 100);
        for (uint256 mode = 0; mode < 3; ++mode) {
            hostile.setMode(HostileSink.Mode(mode));
            uint256 weight = 2 ether * (200 + mode);
            vm.expectEmit(address(registry));
            emit INodeRegistry.RewardSinkFailed(node1.node, weight);
            vm.prank(address(oracle));
            registry.updateReputationScore{gas: 4_000_000}(node1.node, uint16(200 + mode));
            assertEq(registry.rewardWeight(node1.node), weight);
        }
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    function test_refreshTellsTheSinkAgain() public {
        HostileSink hostile = _hostile();
        setScore(node1, 100);
        hostile.setMode(HostileSink.Mode.Accept);
        _refresh(node1.node);
        assertEq(hostile.last(), 200 ether);
        // Once told, it is not told again.
        vm.recordLogs();
        _refresh(node1.node);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_aSinkWithoutCodeLearnsByRefresh() public {
        vm.etch(address(sink), "");
        setScore(node1, 100);
        vm.etch(address(sink), address(new RecordingSink()).code);
        assertEq(sink.weights(node1.node), 0);
        _refresh(node1.node);
        assertEq(sink.weights(node1.node), 200 ether);
    }

    function test_withoutASink() public {
        vm.etch(address(sink), "");
        setScore(node1, 100);
        assertEq(registry.rewardWeight(node1.node), 200 ether);
    }

    function test_revertWhen_tooLittleGasForTheSink() public {
        vm.expectRevert(INodeRegistry.NodeRegistryTooLittleGas.selector);
        vm.prank(address(oracle));
        registry.updateReputationScore{gas: 1_500_000}(node1.node, 100);
        vm.prank(address(oracle));
        registry.updateReputationScore{gas: 1_700_000}(node1.node, 100);
    }

    /// @dev With whatever gas: either the sink hears of it, or nothing happens.
    function test_theSinkCannotBeStarved(uint256 gas) public {
        gas = bound(gas, 30_000, 2_000_000);
        vm.prank(address(oracle));
        (bool done,) = address(registry).call{gas: gas}(
            abi.encodeCall(registry.updateReputationScore, (node1.node, uint16(77)))
        );
        assertEq(sink.weights(node1.node), done ? 154 ether : 0);
        assertEq(registry.rewardWeight(node1.node), sink.weights(node1.node));
    }

    function test_nothingReplacesTheSink() public {
        bytes memory call = abi.encodeWithSignature("setRewardSink(address)", alice);
        vm.prank(alice);
        (bool done,) = address(registry).call(call);
        assertFalse(done, "stranger");
        vm.prank(governor);
        (done,) = address(registry).call(call);
        assertFalse(done, "governor");
        assertEq(registry.rewardSink(), address(sink));
    }

    function _hostile() private returns (HostileSink hostile) {
        vm.etch(address(sink), address(new HostileSink()).code);
        hostile = HostileSink(address(sink));
    }

    function _refresh(bytes20 node) private {
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = node;
        registry.refresh(nodes);
    }

    /// @dev The exploit: a large top-up around one claim took almost all of its stakers' share.
    function test_K4_addedStakeHasNoWeightForADay() public {
        NodeKey memory node = nodeKey("K4");
        register(node, alice, 1 ether);
        setScore(node, 500);
        vm.prank(alice);
        registry.topUp{value: 200 ether}(node.node);
        assertEq(registry.rewardWeight(node.node), 500 ether);
        skip(12 hours);
        vm.prank(alice);
        registry.topUp{value: 1 ether}(node.node);
        skip(12 hours);
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = node.node;
        registry.refresh(nodes);
        assertEq(registry.rewardWeight(node.node), 500 ether, "started anew");
        // What was bonded before is slashed like the rest.
        slashNode(node.node, 10_000);
        assertEq(registry.rewardWeight(node.node), 0);
        vm.prank(alice);
        registry.topUp{value: 2 ether}(node.node);
        assertEq(registry.rewardWeight(node.node), 0);
        skip(registry.WEIGHT_DELAY());
        registry.refresh(nodes);
        assertEq(registry.rewardWeight(node.node), 1_000 ether, "a day later");
        vm.prank(alice);
        registry.topUp{value: 1 ether}(node.node);
        assertEq(registry.rewardWeight(node.node), 1_000 ether, "only what is new waits");
    }
}
