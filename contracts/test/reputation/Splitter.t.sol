// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice The registry with the real PaymentSplitter as its reward sink.
contract SplitterTest is ReputationBase {
    PaymentSplitter private _splitter;

    function setUp() public override {
        super.setUp();
        // At the place of the sink that the registry was wired with.
        vm.etch(address(sink), address(new PaymentSplitter(params, registry)).code);
        _splitter = PaymentSplitter(address(sink));
        register(node1, alice, 3 ether);
        register(node2, bob, 1 ether);
        setScore(node1, 500);
        setScore(node2, 500);
    }

    function test_stakersShareByWeight() public {
        _pay(10 ether);
        // 10 % for stakers, 3 : 1.
        _assertAbout(_splitter.rewardOf(node1.node, address(0)), 0.75 ether);
        _assertAbout(_splitter.rewardOf(node2.node, address(0)), 0.25 ether);
        slashNode(node1.node, 10_000);
        _pay(10 ether);
        _assertAbout(_splitter.rewardOf(node1.node, address(0)), 0.75 ether);
        _assertAbout(_splitter.rewardOf(node2.node, address(0)), 1.25 ether);
    }

    function test_rewardsFollowTheOperator() public {
        _pay(10 ether);
        vm.prank(alice);
        registry.offerOperator(node1.node, stranger);
        NodeProof memory proof = proofOf(node1, registry.registrationMessage(node1.node, stranger));
        vm.prank(stranger);
        registry.acceptOperator(node1.node, proof);
        _assertAbout(_splitter.pending(alice, address(0)), 0.75 ether);
        _pay(10 ether);
        _splitter.harvest(node1.node, address(0));
        _assertAbout(_splitter.pending(stranger, address(0)), 0.75 ether);
        _assertAbout(_splitter.pending(alice, address(0)), 0.75 ether);
    }

    function test_rewardsFollowTheKey() public {
        _pay(10 ether);
        string memory message = registry.keyChangeMessage(node1.node, node3.node, alice);
        vm.startPrank(alice);
        registry.changeKey(node1.node, node3.node, proofOf(node1, message), proofOf(node3, message));
        vm.stopPrank();
        _pay(10 ether);
        _assertAbout(_splitter.rewardOf(node1.node, address(0)), 0.75 ether);
        _assertAbout(_splitter.rewardOf(node3.node, address(0)), 0.75 ether);
        assertEq(_splitter.totalWeight(), registry.totalRewardWeight());
    }

    /// @dev The brake has no gas for the sink, so anyone brings it up to date.
    function test_anEmergencyReachesTheSplitter() public {
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        assertEq(registry.rewardWeight(node1.node), 0);
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = node1.node;
        registry.refresh(nodes);
        (uint256 weight,) = _splitter.staker(node1.node);
        assertEq(weight, 0);
        assertEq(_splitter.totalWeight(), registry.totalRewardWeight());
    }

    function test_leavingEndsTheShare() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        _pay(10 ether);
        assertEq(_splitter.rewardOf(node1.node, address(0)), 0);
        _assertAbout(_splitter.rewardOf(node2.node, address(0)), 1 ether);
    }

    /// @dev The exploit: a splitter that was replaced by another sink was not told that a node leaves, which went on
    /// earning there.
    function test_A26_aDepartedWeightEarnsNothing() public {
        address other = makeAddr("other sink");
        vm.prank(governor);
        (bool replaced,) = address(registry).call(abi.encodeWithSignature("setRewardSink(address)", other));
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        _pay(10 ether);
        assertEq(_splitter.rewardOf(node1.node, address(0)), 0, "departed");
        _assertAbout(_splitter.rewardOf(node2.node, address(0)), 1 ether);
        assertFalse(replaced, "the sink is fixed");
    }

    /// @dev A unit may wait for the next payment.
    function _assertAbout(uint256 actual, uint256 expected) private pure {
        assertLe(actual, expected, "reward");
        assertLe(expected - actual, 2, "reward");
    }

    function _pay(uint256 amount) private {
        vm.deal(address(this), amount);
        _splitter.split{value: amount}(node1.node, makeAddr("payee"), address(0), amount);
    }
}
