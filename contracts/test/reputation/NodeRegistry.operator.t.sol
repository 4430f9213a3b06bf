// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry, NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice offerOperator and acceptOperator.
contract NodeRegistryOperatorTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        register(node2, bob, MIN_STAKE);
        setScore(node1, 100);
    }

    function test_handOver() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.OperatorOffered(node1.node, alice, bob);
        vm.prank(alice);
        registry.offerOperator(node1.node, bob);

        NodeProof memory proof = _proof(bob);
        uint256 calls = sink.calls();
        vm.expectEmit(address(registry));
        emit INodeRegistry.OperatorChanged(node1.node, alice, bob);
        vm.prank(bob);
        registry.acceptOperator(node1.node, proof);

        assertEq(registry.operatorOf(node1.node), bob);
        assertEq(registry.nodeCountOf(alice), 0);
        assertEq(registry.nodeCountOf(bob), 2);
        assertEq(registry.scoreFacts(node1.node).ordinal, 2);
        assertStanding(node1.node, true, true, 2 ether, 100);
        assertEq(sink.calls(), calls + 1, "the sink hears of the operator");

        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, alice));
        vm.prank(alice);
        registry.deregisterNode(node1.node);
    }

    function test_whatWasFreeStaysWithTheOldOperator() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        skip(UNBONDING);
        registry.offerOperator(node1.node, bob);
        vm.stopPrank();
        NodeProof memory proof = _proof(bob);
        vm.prank(bob);
        registry.acceptOperator(node1.node, proof);
        assertEq(registry.due(alice), 1 ether);
        assertEq(registry.due(bob), 0);
        assertSolvent();
    }

    function test_whatIsUnbondingGoesWithTheRecord() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        registry.offerOperator(node1.node, bob);
        vm.stopPrank();
        NodeProof memory proof = _proof(bob);
        vm.prank(bob);
        registry.acceptOperator(node1.node, proof);
        skip(UNBONDING);
        vm.prank(bob);
        registry.withdrawStake(node1.node, bob);
        assertEq(bob.balance, 1_000.5 ether);
    }

    function test_anOfferCanBeTakenBack() public {
        vm.startPrank(alice);
        registry.offerOperator(node1.node, bob);
        registry.offerOperator(node1.node, address(0));
        vm.stopPrank();
        _expectRevert(bob, abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOffered.selector, bob));
    }

    function test_anOfferCountsOnce() public {
        vm.prank(alice);
        registry.offerOperator(node1.node, bob);
        NodeProof memory proof = _proof(bob);
        vm.startPrank(bob);
        registry.acceptOperator(node1.node, proof);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOffered.selector, bob));
        registry.acceptOperator(node1.node, proof);
    }

    function test_revertWhen_offeredByAnother() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, bob));
        vm.prank(bob);
        registry.offerOperator(node1.node, bob);
    }

    function test_revertWhen_notOffered() public {
        vm.prank(alice);
        registry.offerOperator(node1.node, stranger);
        _expectRevert(bob, abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOffered.selector, bob));
    }

    function test_revertWhen_notRegistered() public {
        NodeProof memory proof = _proof(bob);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, node3.node));
        vm.prank(bob);
        registry.acceptOperator(node3.node, proof);
    }

    function test_revertWhen_leaving() public {
        vm.startPrank(alice);
        registry.offerOperator(node1.node, bob);
        registry.deregisterNode(node1.node);
        vm.stopPrank();
        _expectRevert(
            bob, abi.encodeWithSelector(INodeRegistry.NodeRegistryDeregistered.selector, node1.node)
        );
    }

    function test_revertWhen_paused() public {
        vm.prank(alice);
        registry.offerOperator(node1.node, bob);
        pause();
        _expectRevert(bob, abi.encodeWithSelector(INodeRegistry.NodeRegistryPaused.selector));
    }

    /// @dev The old operator's proof is no proof for the new one.
    function test_revertWhen_nodeDidNotSign() public {
        vm.prank(alice);
        registry.offerOperator(node1.node, bob);
        NodeProof memory proof = _proof(alice);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongSignature.selector, node1.node));
        vm.prank(bob);
        registry.acceptOperator(node1.node, proof);
    }

    function _proof(address operator) private view returns (NodeProof memory) {
        return proofOf(node1, registry.registrationMessage(node1.node, operator));
    }

    function _expectRevert(address caller, bytes memory reason) private {
        NodeProof memory proof = _proof(caller);
        vm.expectRevert(reason);
        vm.prank(caller);
        registry.acceptOperator(node1.node, proof);
    }
}
