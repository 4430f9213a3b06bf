// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEtherLedger} from "../../src/interfaces/IEtherLedger.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

contract NodeRegistryDeregisterTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        register(node2, bob, MIN_STAKE);
        register(node3, alice, MIN_STAKE);
        setScore(node1, 400);
    }

    function test_deregister() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeDeregistered(node1.node);
        vm.expectEmit(address(registry));
        emit INodeRegistry.UnbondingStarted(node1.node, 2 ether, START + UNBONDING);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, false, 0, 400, false, uint64(START));
        vm.prank(alice);
        registry.deregisterNode(node1.node);

        assertStanding(node1.node, true, false, 0, 400);
        assertEq(registry.rewardWeight(node1.node), 0);
        assertSolvent();
    }

    function test_closesWhenWithdrawn() public {
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeClosed(node1.node, 1);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, false, 0, 0, false, 0);
        registry.withdrawStake(node1.node, alice);

        assertStanding(node1.node, false, false, 0, 0);
        assertEq(registry.operatorOf(node1.node), address(0));
        assertEq(registry.recordOf(node1.node), 0);
        assertEq(registry.nodeCount(), 2);
        assertNode(registry.nodeAt(0), node3.node);
        assertNode(registry.nodeAt(1), node2.node);
        assertEq(registry.nodeCountOf(alice), 1);
        assertEq(alice.balance, 999.5 ether);
        assertSolvent();
    }

    /// @dev The list stays whole whatever the order of closing.
    function test_closesTheLastOfTheList() public {
        vm.startPrank(alice);
        registry.deregisterNode(node3.node);
        skip(UNBONDING);
        registry.withdrawStake(node3.node, alice);
        assertEq(registry.nodeCount(), 2);
        assertNode(registry.nodeAt(0), node1.node);
        assertNode(registry.nodeAt(1), node2.node);
    }

    /// @dev Nothing to pay out is no reason to stay.
    function test_closesWhenAllWasSlashed() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        slashNode(node1.node, 10_000);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(registry.recordOf(node1.node), 0);
        assertSolvent();
    }

    function test_deregisterWhenAllWasSlashed() public {
        slashNode(node1.node, 10_000);
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        registry.withdrawStake(node1.node, alice);
        assertEq(registry.recordOf(node1.node), 0);
    }

    function test_slashedWhileUnbonding() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        assertEq(slashNode(node1.node, 2_500), 0.5 ether);
        skip(1);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 999 ether);
        assertEq(registry.treasuryDue(), 0.5 ether);
        assertSolvent();
    }

    function test_beyondSlashingOnceUnbonded() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        assertEq(slashNode(node1.node, 10_000), 0);
        assertEq(registry.due(alice), 2 ether);
        vm.prank(alice);
        registry.withdraw(alice);
        assertEq(alice.balance, 999.5 ether);
        assertSolvent();
    }

    function test_revertWhen_notOperator() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, bob));
        vm.prank(bob);
        registry.deregisterNode(node1.node);
    }

    function test_revertWhen_notRegistered() public {
        bytes20 unknown = bytes20(uint160(1));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, unknown));
        vm.prank(alice);
        registry.deregisterNode(unknown);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, bytes20(0)));
        vm.prank(alice);
        registry.deregisterNode(bytes20(0));
    }

    function test_revertWhen_twice() public {
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryDeregistered.selector, node1.node));
        registry.deregisterNode(node1.node);
    }

    function test_revertWhen_withdrawnTooEarly() public {
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.NodeRegistryStillUnbonding.selector, START + UNBONDING)
        );
        registry.withdrawStake(node1.node, alice);
    }

    function test_revertWhen_receiverIsZero() public {
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        vm.expectRevert(IEtherLedger.EtherLedgerInvalidReceiver.selector);
        registry.withdrawStake(node1.node, address(0));
    }
}
