// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEtherLedger} from "../../src/interfaces/IEtherLedger.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {ReenteringReceiver, RefusingReceiver} from "../mocks/Receivers.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice topUp, requestWithdrawal, withdrawStake and the grace of a raised minimum.
contract NodeRegistryStakeTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
    }

    // ------------------------------------------------------------------------------------------------ topUp

    function test_topUp() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.StakeAdded(node1.node, 1 ether);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 3 ether, 0, false, uint64(START));
        vm.prank(alice);
        registry.topUp{value: 1 ether}(node1.node);
        assertStanding(node1.node, true, true, 3 ether, 0);
        assertSolvent();
    }

    function test_topUpLiftsAboveTheMinimum() public {
        slashNode(node1.node, 9_000);
        assertStanding(node1.node, true, false, 0.2 ether, 0);
        vm.prank(alice);
        registry.topUp{value: 0.3 ether}(node1.node);
        assertStanding(node1.node, true, true, 0.5 ether, 0);
    }

    function test_topUpRevertWhen_notOperator() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, bob));
        vm.prank(bob);
        registry.topUp{value: 1 ether}(node1.node);
    }

    function test_topUpRevertWhen_notRegistered() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, node2.node));
        vm.prank(alice);
        registry.topUp{value: 1 ether}(node2.node);
    }

    function test_topUpRevertWhen_zero() public {
        vm.expectRevert(INodeRegistry.NodeRegistryZeroAmount.selector);
        vm.prank(alice);
        registry.topUp(node1.node);
    }

    function test_topUpRevertWhen_leaving() public {
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryDeregistered.selector, node1.node));
        registry.topUp{value: 1 ether}(node1.node);
    }

    /// @dev The exploit: the grace of a raised minimum ended while a pause kept operators from topping up.
    function test_A8_topUpIsNeverPaused() public {
        uint256 before = _stakeOf(node1.node);
        setParameter(ParameterKeys.MIN_STAKE, before + 1 ether);
        vm.prank(governor);
        params.renewPause(30 days);
        skip(14 days);
        assertFalse(_isActive(node1.node), "the grace is over");
        vm.prank(alice);
        registry.topUp{value: 1 ether}(node1.node);
        assertTrue(_isActive(node1.node), "active");
    }

    function _stakeOf(bytes20 node) private view returns (uint256 staked) {
        (staked,,,) = registry.stakeOf(node);
    }

    function _isActive(bytes20 node) private view returns (bool active) {
        (, active,,,,) = registry.standing(node);
    }

    // ------------------------------------------------------------------------------------------------ requestWithdrawal

    function test_requestWithdrawal() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.UnbondingStarted(node1.node, 1.5 ether, START + UNBONDING);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 0.5 ether, 0, false, uint64(START));
        vm.prank(alice);
        registry.requestWithdrawal(node1.node, 1.5 ether);

        assertStanding(node1.node, true, true, 0.5 ether, 0);
        (uint256 staked, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertEq(staked, 0.5 ether);
        assertEq(unbonding, 1.5 ether);
        assertEq(unbondsAt, START + UNBONDING);
        assertEq(heldUntil, 0);
        assertSolvent();
    }

    function test_requestRevertWhen_lessThanTheMinimumRemains() public {
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.NodeRegistryStakeTooLow.selector, 0.5 ether - 1, MIN_STAKE)
        );
        registry.requestWithdrawal(node1.node, 1.5 ether + 1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryStakeTooLow.selector, 0, MIN_STAKE));
        registry.requestWithdrawal(node1.node, 2 ether + 1);
    }

    function test_requestRevertWhen_zero() public {
        vm.expectRevert(INodeRegistry.NodeRegistryZeroAmount.selector);
        vm.prank(alice);
        registry.requestWithdrawal(node1.node, 0);
    }

    function test_requestRevertWhen_notOperator() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, bob));
        vm.prank(bob);
        registry.requestWithdrawal(node1.node, 1 ether);
    }

    function test_requestRevertWhen_leaving() public {
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryDeregistered.selector, node1.node));
        registry.requestWithdrawal(node1.node, 1);
    }

    function test_aFurtherRequestRestartsTheClock() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        skip(UNBONDING - 1);
        registry.requestWithdrawal(node1.node, 0.5 ether);
        (, uint256 unbonding, uint64 unbondsAt,) = registry.stakeOf(node1.node);
        assertEq(unbonding, 1.5 ether);
        assertEq(unbondsAt, timestamp() + UNBONDING);
    }

    function test_aFurtherRequestLeavesAloneWhatIsFree() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        skip(UNBONDING);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StakeUnbonded(node1.node, alice, 1 ether);
        registry.requestWithdrawal(node1.node, 0.5 ether);
        assertEq(registry.due(alice), 1 ether);
        (, uint256 unbonding,,) = registry.stakeOf(node1.node);
        assertEq(unbonding, 0.5 ether);
        assertSolvent();
    }

    function test_exitsAreNeverPaused() public {
        pause();
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        vm.stopPrank();
        vm.prank(governor);
        params.renewPause(30 days);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    function test_theUnbondingPeriodIsGoverned() public {
        setParameter(ParameterKeys.UNBONDING_PERIOD, 7 days);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        (,, uint64 unbondsAt,) = registry.stakeOf(node1.node);
        assertEq(unbondsAt, START + 7 days);
        // What has begun stays as it was.
        setParameter(ParameterKeys.UNBONDING_PERIOD, 60 days);
        skip(7 days);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    // ------------------------------------------------------------------------------------------------ withdraw

    function test_withdrawAPart() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1.5 ether);
        skip(UNBONDING);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StakeUnbonded(node1.node, alice, 1.5 ether);
        vm.expectEmit(address(registry));
        emit IEtherLedger.Withdrawn(alice, bob, 1.5 ether);
        registry.withdrawStake(node1.node, bob);
        assertEq(bob.balance, 1_001.5 ether);
        assertStanding(node1.node, true, true, 0.5 ether, 0);
        assertSolvent();
    }

    function test_withdrawRevertWhen_unbonding() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        skip(UNBONDING - 1);
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.NodeRegistryStillUnbonding.selector, START + UNBONDING)
        );
        registry.withdrawStake(node1.node, alice);
    }

    function test_withdrawRevertWhen_nothingIsDue() public {
        vm.expectRevert(IEtherLedger.EtherLedgerNothingDue.selector);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
    }

    function test_withdrawRevertWhen_notOperator() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, bob));
        vm.prank(bob);
        registry.withdrawStake(node1.node, bob);
    }

    /// @dev What was due from before goes out although more is still unbonding.
    function test_withdrawWhatIsDueWhileMoreUnbonds() public {
        vm.startPrank(alice);
        registry.requestWithdrawal(node1.node, 1 ether);
        skip(UNBONDING);
        registry.requestWithdrawal(node1.node, 0.5 ether);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 999 ether);
        assertEq(registry.due(alice), 0);
    }

    function test_aRefusingReceiverHarmsOnlyItself() public {
        RefusingReceiver operator = new RefusingReceiver();
        vm.deal(address(operator), 1 ether);
        bytes memory proof = rawSignature(node2, registry.registrationMessage(node2.node, address(operator)));
        operator.call(
            address(registry),
            1 ether,
            abi.encodeCall(registry.registerNode, (node2.node, node2.pubKey, proof, 0))
        );
        operator.call(address(registry), 0, abi.encodeCall(registry.deregisterNode, (node2.node)));
        skip(UNBONDING);
        vm.expectRevert(IEtherLedger.EtherLedgerTransferFailed.selector);
        operator.call(
            address(registry), 0, abi.encodeCall(registry.withdrawStake, (node2.node, address(operator)))
        );
        // It can still name another receiver.
        operator.call(address(registry), 0, abi.encodeCall(registry.withdrawStake, (node2.node, bob)));
        assertEq(bob.balance, 1_001 ether);
    }

    function test_aReceiverCannotReenter() public {
        ReenteringReceiver operator = new ReenteringReceiver();
        vm.deal(address(operator), 1 ether);
        bytes memory proof = rawSignature(node2, registry.registrationMessage(node2.node, address(operator)));
        operator.call(
            address(registry),
            1 ether,
            abi.encodeCall(registry.registerNode, (node2.node, node2.pubKey, proof, 0))
        );
        operator.call(address(registry), 0, abi.encodeCall(registry.deregisterNode, (node2.node)));
        skip(UNBONDING);
        operator.arm(address(registry), abi.encodeCall(registry.withdraw, (address(operator))));
        operator.call(
            address(registry), 0, abi.encodeCall(registry.withdrawStake, (node2.node, address(operator)))
        );
        assertTrue(operator.tried(), "tried");
        assertFalse(operator.reentered(), "reentered");
        assertEq(operator.reason(), abi.encodeWithSignature("ReentrancyGuardReentrantCall()"), "by the guard");
        assertEq(address(operator).balance, 1 ether);
    }

    // ------------------------------------------------------------------------------------------------ grace

    function test_aRaisedMinimumGrantsGrace() public {
        register(node2, bob, MIN_STAKE);
        setParameter(ParameterKeys.MIN_STAKE, 1 ether);
        assertStanding(node2.node, true, true, MIN_STAKE, 0);
        skip(14 days - 1);
        assertStanding(node2.node, true, true, MIN_STAKE, 0);
        skip(1);
        assertStanding(node2.node, true, false, MIN_STAKE, 0);
        assertStanding(node1.node, true, true, 2 ether, 0);

        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = node2.node;
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node2.node, false, MIN_STAKE, 0, false, uint64(START));
        registry.refresh(nodes);

        vm.prank(bob);
        registry.topUp{value: 0.5 ether}(node2.node);
        assertStanding(node2.node, true, true, 1 ether, 0);
    }

    function test_graceDoesNotLowerWhatMustRemain() public {
        setParameter(ParameterKeys.MIN_STAKE, 1 ether);
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.NodeRegistryStakeTooLow.selector, 1 ether - 1, 1 ether)
        );
        registry.requestWithdrawal(node1.node, 1 ether + 1);
        registry.requestWithdrawal(node1.node, 1 ether);
    }
}
