// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEtherLedger} from "../../src/interfaces/IEtherLedger.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {ReenteringReceiver, RefusingReceiver} from "../mocks/Receivers.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice withdraw and collectTreasury, which all three contracts share.
contract EtherLedgerTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        vm.prank(address(manager));
        registry.slashAndReward(node1.node, 5_000, "TEST", bob, 1_000);
    }

    function test_withdraw() public {
        vm.expectEmit(address(registry));
        emit IEtherLedger.Withdrawn(bob, stranger, 0.1 ether);
        vm.prank(bob);
        registry.withdraw(stranger);
        assertEq(stranger.balance, 1_000.1 ether);
        assertEq(registry.due(bob), 0);
        assertSolvent();
    }

    function test_withdrawRevertWhen_nothingIsDue() public {
        vm.startPrank(bob);
        registry.withdraw(bob);
        vm.expectRevert(IEtherLedger.EtherLedgerNothingDue.selector);
        registry.withdraw(bob);
    }

    function test_withdrawRevertWhen_receiverIsZero() public {
        vm.expectRevert(IEtherLedger.EtherLedgerInvalidReceiver.selector);
        vm.prank(bob);
        registry.withdraw(address(0));
    }

    function test_withdrawRevertWhen_receiverRefuses() public {
        address refusing = address(new RefusingReceiver());
        vm.expectRevert(IEtherLedger.EtherLedgerTransferFailed.selector);
        vm.prank(bob);
        registry.withdraw(refusing);
        assertEq(registry.due(bob), 0.1 ether);
    }

    function test_withdrawIsNeverPaused() public {
        pause();
        vm.prank(bob);
        registry.withdraw(bob);
        assertEq(bob.balance, 1_000.1 ether);
    }

    function test_collectTreasury() public {
        vm.expectEmit(address(registry));
        emit IEtherLedger.TreasuryCollected(treasury, 0.9 ether);
        vm.prank(stranger);
        registry.collectTreasury();
        assertEq(treasury.balance, 0.9 ether);
        assertEq(registry.treasuryDue(), 0);
        assertSolvent();
    }

    function test_collectForANewTreasury() public {
        vm.prank(governor);
        params.setTreasury(stranger);
        registry.collectTreasury();
        assertEq(stranger.balance, 1_000.9 ether);
    }

    function test_collectRevertWhen_nothingIsDue() public {
        registry.collectTreasury();
        vm.expectRevert(IEtherLedger.EtherLedgerNothingDue.selector);
        registry.collectTreasury();
    }

    function test_aRefusingTreasuryBlocksNobody() public {
        address refusing = address(new RefusingReceiver());
        vm.prank(governor);
        params.setTreasury(refusing);
        vm.expectRevert(IEtherLedger.EtherLedgerTransferFailed.selector);
        registry.collectTreasury();
        slashNode(node1.node, 1_000);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 998.9 ether);
    }

    function test_collaborators() public view {
        assertEq(address(registry.parameterRegistry()), address(params));
        assertEq(address(oracle.parameterRegistry()), address(params));
        assertEq(address(manager.parameterRegistry()), address(params));
        assertEq(address(oracle.nodeRegistry()), address(registry));
        assertEq(address(manager.nodeRegistry()), address(registry));
        assertEq(address(manager.reputationOracle()), address(oracle));
    }

    function test_theTreasuryCannotReenter() public {
        ReenteringReceiver hostile = new ReenteringReceiver();
        hostile.arm(address(registry), abi.encodeCall(registry.collectTreasury, ()));
        vm.prank(governor);
        params.setTreasury(address(hostile));
        registry.collectTreasury();
        assertTrue(hostile.tried(), "tried");
        assertFalse(hostile.reentered(), "reentered");
        assertEq(address(hostile).balance, 0.9 ether);
    }
}
