// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {DisputeState, ISlashingManager, Offence} from "../../src/interfaces/ISlashingManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @notice execute and veto.
contract SlashingManagerExecuteTest is DisputeBase {
    function test_logging() public {
        uint256 id = _upheld(Offence.Logging);
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(node1.node, keccak256("LOGGING"), 0.5 ether, 0, bob, 0.05 ether);
        vm.expectEmit(address(manager));
        emit ISlashingManager.DisputeExecuted(id, 0.5 ether);
        vm.prank(stranger);
        assertEq(manager.execute(id), 0.5 ether);

        assertEq(uint256(manager.disputes(id).state), uint256(DisputeState.Executed));
        assertStanding(node1.node, true, true, 1.5 ether, 0);
        assertEq(manager.due(bob), BOND);
        assertEq(registry.due(bob), 0.05 ether);
        assertEq(registry.treasuryDue(), 0.45 ether);
        assertSolvent();
        assertManagerSolvent();
    }

    function test_malicious() public {
        assertEq(manager.execute(_upheld(Offence.Malicious)), 2 ether);
        (, bool active, uint256 stake,, bool blacklisted,) = registry.standing(node1.node);
        assertFalse(active, "active");
        assertEq(stake, 0);
        assertTrue(blacklisted, "blacklisted");
        assertEq(registry.due(bob), 0.2 ether);
    }

    function test_loggingDoesNotBlacklist() public {
        manager.execute(_upheld(Offence.Logging));
        (,,,, bool blacklisted,) = registry.standing(node1.node);
        assertFalse(blacklisted, "blacklisted");
    }

    function test_theRewardIsGoverned() public {
        setParameter(ParameterKeys.DISPUTE_REWARD_SHARE, 5_000);
        manager.execute(_upheld(Offence.Malicious));
        assertEq(registry.due(bob), 1 ether);
    }

    function test_whileTheAccusedLeaves() public {
        uint256 id = open(Offence.Malicious);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(DISPUTE_PERIOD);
        decide(id, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(id), 2 ether);
        assertSolvent();
    }

    /// @dev Opened in the last second of unbonding, decided and carried out at the last moment.
    function test_theLastMoment() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        uint256 id = open(Offence.Malicious);
        skip(DISPUTE_PERIOD);
        decide(id, true);
        skip(VETO_PERIOD + manager.EXECUTION_MARGIN() - 1);
        vm.prank(alice);
        vm.expectRevert();
        registry.withdrawStake(node1.node, alice);
        assertEq(manager.execute(id), 2 ether);
    }

    function test_executeWhilePaused() public {
        uint256 id = _upheld(Offence.Logging);
        pause();
        assertEq(manager.execute(id), 0.5 ether);
    }

    function test_theRecordIsFollowedToItsNewKey() public {
        uint256 id = open(Offence.Logging);
        string memory message = registry.keyChangeMessage(node1.node, node2.node, alice);
        vm.startPrank(alice);
        registry.changeKey(node1.node, node2.node, proofOf(node1, message), proofOf(node2, message));
        vm.stopPrank();
        decide(id, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(id), 0.5 ether);
        assertStanding(node2.node, true, true, 1.5 ether, 0);
    }

    /// @dev A node that left and came back is another record, which has done nothing.
    function test_anotherRecordIsNotPunished() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        uint256 id = open(Offence.Malicious);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        register(node1, alice, MIN_STAKE);
        decide(id, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(id), 0);
        assertStanding(node1.node, true, true, MIN_STAKE, 0);
        assertEq(manager.due(bob), BOND);
    }

    function test_aClosedRecordIsNoObstacle() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        uint256 id = open(Offence.Malicious);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        decide(id, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(id), 0);
        assertEq(manager.due(bob), BOND);
        assertManagerSolvent();
    }

    // ------------------------------------------------------------------------------------------------ once

    /// @dev Two disputes over one offence: the second gives the bond back and takes nothing.
    function test_oneOffenceIsPunishedOnce() public {
        uint64 occurredAt = timestamp() - 1 days;
        uint256 first = openAs(bob, Offence.Logging, occurredAt, EVIDENCE);
        uint256 second = openAs(stranger, Offence.Logging, occurredAt + 1 hours, keccak256("more"));
        decide(first, true);
        decide(second, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(first), 0.5 ether);
        assertEq(manager.execute(second), 0);
        assertEq(manager.due(stranger), BOND);
        assertEq(registry.due(stranger), 0);
        assertEq(registry.scoreFacts(node1.node).offences, 1);
        assertManagerSolvent();
    }

    /// @dev The exploit: the accused copied the accusation, executed its own first and took the reward.
    function test_A4_theEarliestUpheldDisputeIsRewarded() public {
        uint64 occurredAt = timestamp() - 1 days;
        uint256 first = openAs(bob, Offence.Malicious, occurredAt, EVIDENCE);
        uint256 copy = openAs(stranger, Offence.Malicious, occurredAt, EVIDENCE);
        decide(copy, true);
        decide(first, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(copy), 2 ether);
        assertEq(registry.due(bob), 0.2 ether);
        assertEq(registry.due(stranger), 0);
        assertEq(manager.execute(first), 0);
        assertEq(registry.due(bob), 0.2 ether);
        assertEq(manager.due(stranger), BOND);
        assertManagerSolvent();
    }

    /// @dev A dispute that was vetoed has no claim to a reward.
    function test_A4_aVetoedDisputeIsNotRewarded() public {
        uint64 occurredAt = timestamp() - 1 days;
        uint256 first = openAs(bob, Offence.Malicious, occurredAt, EVIDENCE);
        uint256 second = openAs(stranger, Offence.Malicious, occurredAt, EVIDENCE);
        decide(first, true);
        decide(second, true);
        vm.prank(governor);
        manager.veto(first);
        skip(VETO_PERIOD);
        assertEq(manager.execute(second), 2 ether);
        assertEq(registry.due(stranger), 0.2 ether);
        assertEq(registry.due(bob), 0);
    }

    /// @dev The committee can tell a copy, as the hash names the disputer.
    function test_A4_theEvidenceHashNamesTheDisputer() public view {
        assertEq(manager.evidenceHashOf(bob, EVIDENCE), keccak256(abi.encode(bob, EVIDENCE)));
    }

    /// @dev The exploit: a longer major delay, set while a dispute ran, let the stake leave before the execution.
    function test_K5_aDisputeKeepsTheClocksOfItsOpening() public {
        uint256 id = open(Offence.Malicious);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        (,,, uint64 heldUntil) = registry.stakeOf(node1.node);
        skip(6 days);
        setParameter(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 30 days);
        setParameter(ParameterKeys.TIMELOCK_DELAY_MAJOR, 14 days);
        setParameter(ParameterKeys.DISPUTE_PERIOD, 30 days);
        skip(1 days);
        decide(id, true);
        assertEq(manager.disputes(id).vetoPeriod, VETO_PERIOD);
        uint64 executableAt = manager.disputes(id).executableAt;
        assertEq(executableAt, timestamp() + VETO_PERIOD);
        assertLe(executableAt + manager.EXECUTION_MARGIN(), heldUntil, "held");
        vm.warp(executableAt);
        assertEq(manager.execute(id), 2 ether);
    }

    /// @dev The exploit: a dispute that was rejected went on holding the stake.
    function test_A13_aFinalDisputeHoldsNothing() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        uint256 rejected = open(Offence.Logging);
        uint256 vetoed = openAs(bob, Offence.Malicious, timestamp() - 1 days, keccak256("vetoed"));
        uint256 expired = openAs(bob, Offence.Malicious, timestamp() - 1 days, keccak256("expired"));
        decide(rejected, false);
        decide(vetoed, true);
        vm.prank(governor);
        manager.veto(vetoed);
        (,,, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertGt(heldUntil, timestamp(), "held by the last");
        skip(DISPUTE_PERIOD + 1);
        vm.expectEmit(address(registry));
        emit INodeRegistry.HoldLifted(node1.node);
        manager.expire(expired);
        (,,, heldUntil) = registry.stakeOf(node1.node);
        assertEq(heldUntil, 0);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    /// @dev What was held is free once the dispute is executed, as far as it was not taken.
    function test_A13_anExecutedDisputeHoldsNothing() public {
        uint256 id = open(Offence.Logging);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        decide(id, true);
        skip(VETO_PERIOD);
        manager.execute(id);
        skip(UNBONDING - VETO_PERIOD);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 999.5 ether);
    }

    function test_aLaterOffenceIsPunishedAgain() public {
        uint64 opened = timestamp();
        uint256 first = openAs(bob, Offence.Logging, opened - 1 days, EVIDENCE);
        skip(1 days);
        uint256 same = openAs(bob, Offence.Logging, opened, keccak256("same"));
        uint256 later = openAs(bob, Offence.Logging, opened + 1, keccak256("later"));
        decide(first, true);
        decide(same, true);
        decide(later, true);
        skip(VETO_PERIOD);
        manager.execute(first);
        assertEq(manager.punishedUntil(1, Offence.Logging), opened);
        assertEq(manager.execute(same), 0);
        assertEq(manager.execute(later), 0.375 ether);
    }

    function test_anotherOffenceIsPunishedToo() public {
        uint256 first = open(Offence.Logging);
        uint256 second = open(Offence.Malicious);
        decide(first, true);
        decide(second, true);
        skip(VETO_PERIOD);
        assertEq(manager.execute(first), 0.5 ether);
        assertEq(manager.execute(second), 1.5 ether);
    }

    function test_executeRevertWhen_inTheVetoPeriod() public {
        uint256 id = open(Offence.Logging);
        decide(id, true);
        uint256 executableAt = timestamp() + VETO_PERIOD;
        skip(VETO_PERIOD - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerVetoPeriod.selector, executableAt)
        );
        manager.execute(id);
    }

    function test_executeRevertWhen_notUpheld() public {
        vm.expectRevert(_wrongState(1, DisputeState.None));
        manager.execute(1);
        uint256 id = open(Offence.Logging);
        vm.expectRevert(_wrongState(id, DisputeState.Open));
        manager.execute(id);
        decide(id, true);
        skip(VETO_PERIOD);
        manager.execute(id);
        vm.expectRevert(_wrongState(id, DisputeState.Executed));
        manager.execute(id);
    }

    // ------------------------------------------------------------------------------------------------ veto

    function test_veto() public {
        uint256 id = _upheld(Offence.Malicious);
        vm.expectEmit(address(manager));
        emit ISlashingManager.DisputeVetoed(id);
        vm.prank(governor);
        manager.veto(id);
        assertEq(uint256(manager.disputes(id).state), uint256(DisputeState.Vetoed));
        assertEq(manager.due(bob), BOND);
        vm.expectRevert(_wrongState(id, DisputeState.Vetoed));
        manager.execute(id);
        assertStanding(node1.node, true, true, 2 ether, 0);
        assertManagerSolvent();
    }

    function test_theVetoCanBeGivenToACouncil() public {
        uint256 id = _upheld(Offence.Malicious);
        bytes32 role = manager.VETO_ROLE();
        vm.prank(governor);
        manager.grantRole(role, stranger);
        vm.prank(stranger);
        manager.veto(id);
    }

    function test_vetoRevertWhen_notTheRole() public {
        uint256 id = _upheld(Offence.Malicious);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, alice, manager.VETO_ROLE()
            )
        );
        vm.prank(alice);
        manager.veto(id);
    }

    function test_vetoRevertWhen_notUpheld() public {
        uint256 id = open(Offence.Malicious);
        vm.expectRevert(_wrongState(id, DisputeState.Open));
        vm.prank(governor);
        manager.veto(id);
    }

    // ------------------------------------------------------------------------------------------------ construction

    function test_revertWhen_aCollaboratorIsZero() public {
        vm.expectRevert(ISlashingManager.SlashingManagerInvalidAddress.selector);
        new SlashingManager(IParameterRegistry(address(0)), registry, oracle, governor);
        vm.expectRevert(ISlashingManager.SlashingManagerInvalidAddress.selector);
        new SlashingManager(params, INodeRegistry(address(0)), oracle, governor);
        vm.expectRevert(ISlashingManager.SlashingManagerInvalidAddress.selector);
        new SlashingManager(params, registry, IReputationOracle(address(0)), governor);
    }

    function test_theDeployerHasNothing() public view {
        assertFalse(manager.hasRole(manager.DEFAULT_ADMIN_ROLE(), address(this)), "admin");
        assertFalse(manager.hasRole(manager.VETO_ROLE(), address(this)), "veto");
        assertEq(manager.owner(), governor);
    }

    function test_shares() public view {
        assertEq(manager.slashShare(Offence.Downtime), 100);
        assertEq(manager.slashShare(Offence.PoorQuality), 200);
        assertEq(manager.slashShare(Offence.Logging), 2_500);
        assertEq(manager.slashShare(Offence.Malicious), 10_000);
    }

    function _upheld(Offence offence) private returns (uint256 id) {
        id = open(offence);
        decide(id, true);
        skip(VETO_PERIOD);
    }

    function _wrongState(uint256 id, DisputeState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongState.selector, id, state);
    }
}
