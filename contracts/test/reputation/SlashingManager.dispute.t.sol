// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Dispute, DisputeState, ISlashingManager, Offence} from "../../src/interfaces/ISlashingManager.sol";
import {IEtherLedger} from "../../src/interfaces/IEtherLedger.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @notice openDispute, decide and expire.
contract SlashingManagerDisputeTest is DisputeBase {
    function test_open() public {
        uint64 occurredAt = timestamp() - 1 days;
        vm.expectEmit(address(manager));
        emit ISlashingManager.DisputeOpened(1, node1.node, bob, Offence.Logging, occurredAt, EVIDENCE);
        assertEq(open(Offence.Logging), 1);

        Dispute memory dispute = manager.disputes(1);
        assertEq(dispute.disputer, bob);
        assertEq(dispute.bond, BOND);
        assertEq(dispute.openedAt, timestamp());
        assertEq(dispute.deadline, timestamp() + DISPUTE_PERIOD);
        assertEq(uint256(dispute.state), uint256(DisputeState.Open));
        assertEq(uint256(dispute.offence), uint256(Offence.Logging));
        assertEq(dispute.record, 1);
        assertEq(dispute.evidenceHash, EVIDENCE);
        assertEq(manager.disputeCount(), 1);
        assertManagerSolvent();
    }

    /// @dev Long enough for a decision on the last day, the veto, and carrying it out.
    function test_openHoldsTheStake() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        open(Offence.Malicious);
        (,,, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertEq(heldUntil, timestamp() + DISPUTE_PERIOD + VETO_PERIOD + manager.EXECUTION_MARGIN());
    }

    /// @dev A pause must not let an accused get away.
    function test_openAndDecideWhilePaused() public {
        pause();
        uint256 id = open(Offence.Logging);
        decide(id, true);
        assertEq(uint256(manager.disputes(id).state), uint256(DisputeState.Upheld));
    }

    function test_openRevertWhen_theOffenceIsAutomatic() public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongOffence.selector, Offence(i))
            );
            open(Offence(i));
        }
    }

    function test_openRevertWhen_theBondIsWrong() public {
        vm.startPrank(bob);
        uint256[3] memory wrong = [0, BOND - 1, BOND + 1];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongBond.selector, wrong[i])
            );
            manager.openDispute{value: wrong[i]}(node1.node, Offence.Logging, timestamp(), EVIDENCE);
        }
    }

    function test_theBondIsGoverned() public {
        setParameter(ParameterKeys.DISPUTE_BOND, 0.02 ether);
        vm.expectRevert(abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongBond.selector, BOND));
        open(Offence.Logging);
        vm.prank(bob);
        uint256 id =
            manager.openDispute{value: 0.02 ether}(node1.node, Offence.Logging, timestamp(), EVIDENCE);
        // A dispute gives back what was paid for it.
        setParameter(ParameterKeys.DISPUTE_BOND, BOND);
        skip(DISPUTE_PERIOD + 1);
        manager.expire(id);
        assertEq(manager.due(bob), 0.02 ether);
    }

    function test_openRevertWhen_withoutEvidence() public {
        vm.expectRevert(ISlashingManager.SlashingManagerNoEvidence.selector);
        openAs(bob, Offence.Logging, timestamp(), 0);
    }

    function test_openRevertWhen_notRegistered() public {
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNotRegistered.selector, node2.node)
        );
        vm.prank(bob);
        manager.openDispute{value: BOND}(node2.node, Offence.Logging, timestamp(), EVIDENCE);
    }

    function test_openRevertWhen_theTimeIsImpossible() public {
        uint64 early = uint64(START) - 1;
        vm.expectRevert(abi.encodeWithSelector(ISlashingManager.SlashingManagerInvalidTime.selector, early));
        openAs(bob, Offence.Logging, early, EVIDENCE);
        uint64 late = timestamp() + 1;
        vm.expectRevert(abi.encodeWithSelector(ISlashingManager.SlashingManagerInvalidTime.selector, late));
        openAs(bob, Offence.Logging, late, EVIDENCE);
        openAs(bob, Offence.Logging, uint64(START), keccak256("early"));
        openAs(bob, Offence.Logging, timestamp(), keccak256("late"));
    }

    function test_openRevertWhen_theSameIsBroughtAgain() public {
        uint256 id = open(Offence.Logging);
        vm.expectRevert(abi.encodeWithSelector(ISlashingManager.SlashingManagerDuplicate.selector, id));
        open(Offence.Logging);
        decide(id, false);
        vm.expectRevert(abi.encodeWithSelector(ISlashingManager.SlashingManagerDuplicate.selector, id));
        open(Offence.Logging);
    }

    /// @dev Who copies an accusation out of the waiting transactions does not shut out its author.
    function test_aCopyDoesNotShutOutTheOriginal() public {
        openAs(stranger, Offence.Logging, timestamp() - 1 days, EVIDENCE);
        assertEq(open(Offence.Logging), 2);
        assertEq(open(Offence.Malicious), 3);
    }

    function test_anExpiredOneCanBeBroughtAgain() public {
        uint256 id = open(Offence.Logging);
        skip(DISPUTE_PERIOD + 1);
        manager.expire(id);
        assertEq(open(Offence.Logging), 2);
        assertManagerSolvent();
    }

    // ------------------------------------------------------------------------------------------------ decide

    function test_uphold() public {
        uint256 id = open(Offence.Logging);
        skip(DISPUTE_PERIOD);
        vm.expectEmit(address(manager));
        emit ISlashingManager.DisputeUpheld(id, timestamp() + VETO_PERIOD);
        decide(id, true);
        assertEq(uint256(manager.disputes(id).state), uint256(DisputeState.Upheld));
        assertEq(manager.disputes(id).executableAt, timestamp() + VETO_PERIOD);
        assertStanding(node1.node, true, true, 2 ether, 0);
        assertManagerSolvent();
    }

    function test_reject() public {
        uint256 id = open(Offence.Logging);
        vm.expectEmit(address(manager));
        emit ISlashingManager.DisputeRejected(id);
        decide(id, false);
        assertEq(uint256(manager.disputes(id).state), uint256(DisputeState.Rejected));
        assertEq(manager.due(bob), 0);
        assertEq(manager.treasuryDue(), BOND);
        manager.collectTreasury();
        assertEq(treasury.balance, BOND);
        assertManagerSolvent();
    }

    function test_decideRevertWhen_late() public {
        uint256 id = open(Offence.Logging);
        skip(DISPUTE_PERIOD + 1);
        _expectDecideRevert(
            id, abi.encodeWithSelector(ISlashingManager.SlashingManagerDeadlinePassed.selector, id)
        );
    }

    function test_decideRevertWhen_notOpen() public {
        _expectDecideRevert(1, _wrongState(1, DisputeState.None));
        uint256 id = open(Offence.Logging);
        decide(id, true);
        _expectDecideRevert(id, _wrongState(id, DisputeState.Upheld));
    }

    /// @dev Every field of what is signed counts.
    function test_decideRevertWhen_notAttested() public {
        uint256 id = open(Offence.Logging);
        uint256 second = open(Offence.Malicious);
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.verdictHash(id, false, 1), THRESHOLD);
        bytes memory reason = abi.encodeWithSelector(ISlashingManager.SlashingManagerNotAttested.selector);
        vm.expectRevert(reason);
        manager.decide(id, true, 1, signers, signatures);
        vm.expectRevert(reason);
        manager.decide(second, false, 1, signers, signatures);
        vm.expectRevert(reason);
        manager.decide(id, false, 2, signers, signatures);
        (signers, signatures) = signed(manager.verdictHash(id, false, 1), THRESHOLD - 1);
        vm.expectRevert(reason);
        manager.decide(id, false, 1, signers, signatures);
        (signers, signatures) = signed(manager.verdictHash(id, false, 1), THRESHOLD);
        vm.prank(governor);
        oracle.setCommittee(members);
        vm.expectRevert(reason);
        manager.decide(id, false, 1, signers, signatures);
    }

    function test_aVerdictIsForOneManager() public {
        SlashingManager other = new SlashingManager(params, registry, oracle, governor);
        assertNotEq(other.verdictHash(1, true, 1), manager.verdictHash(1, true, 1), "verdict");
        assertNotEq(
            other.offenceHash(node1.node, Offence.Downtime, 1, 2, 1),
            manager.offenceHash(node1.node, Offence.Downtime, 1, 2, 1),
            "offence"
        );
    }

    // ------------------------------------------------------------------------------------------------ expire

    function test_expire() public {
        uint256 id = open(Offence.Logging);
        skip(DISPUTE_PERIOD + 1);
        vm.expectEmit(address(manager));
        emit ISlashingManager.DisputeExpired(id);
        vm.prank(stranger);
        manager.expire(id);
        assertEq(uint256(manager.disputes(id).state), uint256(DisputeState.Expired));
        vm.prank(bob);
        manager.withdraw(bob);
        assertEq(bob.balance, 1_000 ether);
        assertManagerSolvent();
    }

    function test_expireWhilePaused() public {
        uint256 id = open(Offence.Logging);
        skip(DISPUTE_PERIOD + 1);
        pause();
        manager.expire(id);
        assertEq(manager.due(bob), BOND);
    }

    /// @dev Should an upheld dispute be impossible to carry out, the bond is not lost for that.
    function test_expireOfOneThatIsNeverCarriedOut() public {
        uint256 id = open(Offence.Logging);
        decide(id, true);
        skip(VETO_PERIOD + manager.EXECUTION_PERIOD());
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerDeadlineNotPassed.selector, id)
        );
        manager.expire(id);
        skip(1);
        manager.expire(id);
        assertEq(manager.due(bob), BOND);
        assertManagerSolvent();
    }

    function test_expireRevertWhen_early() public {
        uint256 id = open(Offence.Logging);
        skip(DISPUTE_PERIOD);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerDeadlineNotPassed.selector, id)
        );
        manager.expire(id);
    }

    function test_expireRevertWhen_ended() public {
        vm.expectRevert(_wrongState(7, DisputeState.None));
        manager.expire(7);
        uint256 id = open(Offence.Logging);
        decide(id, false);
        skip(100 days);
        vm.expectRevert(_wrongState(id, DisputeState.Rejected));
        manager.expire(id);
    }

    function test_withdrawRevertWhen_nothingIsDue() public {
        open(Offence.Logging);
        vm.expectRevert(IEtherLedger.EtherLedgerNothingDue.selector);
        vm.prank(bob);
        manager.withdraw(bob);
    }

    function _wrongState(uint256 id, DisputeState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongState.selector, id, state);
    }

    function _expectDecideRevert(uint256 id, bytes memory reason) private {
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.verdictHash(id, true, 1), THRESHOLD);
        vm.expectRevert(reason);
        manager.decide(id, true, 1, signers, signatures);
    }
}
