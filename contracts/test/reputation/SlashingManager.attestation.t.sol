// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {AttestationDispute, DisputeState, ISlashingManager} from "../../src/interfaces/ISlashingManager.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @notice disputeAttestation, rule, expireAttestationDispute and slashEquivocation.
contract SlashingManagerAttestationTest is DisputeBase {
    bytes32 private constant STATEMENT = keccak256("a false statement");

    function test_dispute() public {
        (address[] memory accused, bytes[] memory signatures) = signed(STATEMENT, THRESHOLD);
        vm.expectEmit(address(manager));
        emit ISlashingManager.AttestationDisputed(1, STATEMENT, bob, accused, EVIDENCE);
        vm.prank(bob);
        assertEq(manager.disputeAttestation{value: BOND}(STATEMENT, accused, signatures, EVIDENCE), 1);
        AttestationDispute memory dispute = manager.attestationDisputes(1);
        assertEq(dispute.disputer, bob);
        assertEq(dispute.bond, BOND);
        assertEq(dispute.deadline, timestamp() + manager.RULING_PERIOD());
        assertEq(uint256(dispute.state), uint256(DisputeState.Open));
        assertEq(dispute.accused.length, THRESHOLD);
        assertManagerSolvent();
    }

    /// @dev Rotation does not save who signed falsely.
    function test_theBondOfAFormerMemberIsHeld() public {
        address[] memory next = new address[](MEMBERS);
        address gone = members[0];
        _addCandidate("newcomer");
        uint256 place = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] != gone) next[place++] = members[i];
        }
        bytes memory theirs = signature(memberKeys[gone], oracle.digest(STATEMENT));
        vm.prank(governor);
        oracle.setCommittee(next);
        vm.prank(gone);
        oracle.unbond(gone, 1 ether);
        skip(UNBONDING - 1);

        uint256 id = _open(gone, theirs);
        skip(manager.RULING_PERIOD());
        vm.prank(governor);
        assertEq(manager.rule(id, true), 1 ether);
    }

    function test_uphold() public {
        uint256 id = _open(THRESHOLD);
        vm.expectEmit(address(manager));
        emit ISlashingManager.AttestationRuled(id, true, 5 ether);
        vm.prank(governor);
        assertEq(manager.rule(id, true), 5 ether);
        assertEq(manager.due(bob), BOND);
        assertEq(oracle.due(bob), 0.5 ether);
        assertEq(oracle.treasuryDue(), 4.5 ether);
        assertEq(oracle.members().length, MEMBERS - THRESHOLD);
        assertEq(uint256(manager.attestationDisputes(id).state), uint256(DisputeState.Executed));
        assertManagerSolvent();
    }

    function test_reject() public {
        uint256 id = _open(THRESHOLD);
        vm.expectEmit(address(manager));
        emit ISlashingManager.AttestationRuled(id, false, 0);
        vm.prank(governor);
        assertEq(manager.rule(id, false), 0);
        assertEq(manager.treasuryDue(), BOND);
        assertEq(oracle.members().length, MEMBERS);
        assertEq(uint256(manager.attestationDisputes(id).state), uint256(DisputeState.Rejected));
        assertManagerSolvent();
    }

    /// @dev The exploit: any honest signature held a bond for 38 days, for a bond that always came back.
    function test_A16_aHoldIsNotFreeAndEndsWithItsDispute() public {
        address member = members[0];
        vm.prank(address(manager));
        oracle.slashBond(member, 0, address(0), 0);
        uint256 first = _open(1);
        uint256 second = _open(member, signature(memberKeys[member], oracle.digest(STATEMENT)), "second");
        vm.prank(member);
        oracle.unbond(member, 1 ether);
        vm.prank(governor);
        manager.rule(first, false);
        (,,, uint64 heldUntil) = oracle.bondOf(member);
        assertGt(heldUntil, timestamp() + UNBONDING, "held by the second");
        skip(manager.RULING_PERIOD() + 1);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.HoldLifted(member);
        manager.expireAttestationDispute(second);
        (,,, heldUntil) = oracle.bondOf(member);
        assertEq(heldUntil, 0);
        assertEq(manager.due(bob), BOND / 2);
        assertEq(manager.treasuryDue(), BOND + BOND / 2);
        vm.prank(member);
        oracle.withdrawBond(member, member);
        assertManagerSolvent();
    }

    /// @dev Two disputes over one statement slash a member once.
    function test_oneStatementIsPunishedOnce() public {
        oracle.bond{value: 1 ether}(members[0]);
        uint256 first = _open(2);
        uint256 second = _open(3);
        vm.startPrank(governor);
        assertEq(manager.rule(first, true), 3 ether);
        vm.stopPrank();
        oracle.bond{value: 1 ether}(members[0]);
        vm.prank(governor);
        assertEq(manager.rule(second, true), 1 ether);
        (uint256 bonded,,,) = oracle.bondOf(members[0]);
        assertEq(bonded, 1 ether);
    }

    function test_ruleRevertWhen_notGovernor() public {
        uint256 id = _open(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, members[0], bytes32(0)
            )
        );
        vm.prank(members[0]);
        manager.rule(id, false);
    }

    function test_ruleRevertWhen_late() public {
        uint256 id = _open(1);
        skip(manager.RULING_PERIOD() + 1);
        vm.expectRevert(abi.encodeWithSelector(ISlashingManager.SlashingManagerDeadlinePassed.selector, id));
        vm.prank(governor);
        manager.rule(id, true);
    }

    function test_ruleRevertWhen_notOpen() public {
        uint256 id = _open(1);
        vm.startPrank(governor);
        manager.rule(id, true);
        vm.expectRevert(_wrongState(id, DisputeState.Executed));
        manager.rule(id, true);
        vm.expectRevert(_wrongState(9, DisputeState.None));
        manager.rule(9, true);
    }

    function test_expire() public {
        uint256 id = _open(1);
        skip(manager.RULING_PERIOD());
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerDeadlineNotPassed.selector, id)
        );
        manager.expireAttestationDispute(id);
        skip(1);
        vm.expectEmit(address(manager));
        emit ISlashingManager.AttestationDisputeExpired(id);
        manager.expireAttestationDispute(id);
        assertEq(manager.due(bob), BOND / 2);
        assertEq(manager.treasuryDue(), BOND / 2);
        vm.expectRevert(_wrongState(id, DisputeState.Expired));
        manager.expireAttestationDispute(id);
        // It can be brought again.
        assertEq(_open(1), 2);
        assertManagerSolvent();
    }

    function test_revertWhen_theSameIsBroughtAgain() public {
        uint256 id = _open(2);
        (address[] memory accused, bytes[] memory signatures) = signed(STATEMENT, 2);
        _expectRevert(
            BOND,
            accused,
            signatures,
            EVIDENCE,
            abi.encodeWithSelector(ISlashingManager.SlashingManagerDuplicate.selector, id)
        );
    }

    function test_revertWhen_theBondIsWrong() public {
        (address[] memory accused, bytes[] memory signatures) = signed(STATEMENT, 1);
        _expectRevert(
            BOND - 1,
            accused,
            signatures,
            EVIDENCE,
            abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongBond.selector, BOND - 1)
        );
    }

    function test_revertWhen_withoutEvidence() public {
        (address[] memory accused, bytes[] memory signatures) = signed(STATEMENT, 1);
        _expectRevert(
            BOND,
            accused,
            signatures,
            0,
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNoEvidence.selector)
        );
    }

    function test_revertWhen_theAccusedAreNoProperList() public {
        bytes memory reason = abi.encodeWithSelector(ISlashingManager.SlashingManagerInvalidAccused.selector);
        _expectRevert(BOND, new address[](0), new bytes[](0), EVIDENCE, reason);
        _expectRevert(BOND, new address[](16), new bytes[](16), EVIDENCE, reason);
        (address[] memory accused, bytes[] memory signatures) = signed(STATEMENT, 2);
        _expectRevert(BOND, accused, new bytes[](1), EVIDENCE, reason);
        (accused[1], signatures[1]) = (accused[0], signatures[0]);
        _expectRevert(BOND, accused, signatures, EVIDENCE, reason);
    }

    function test_revertWhen_notSigned() public {
        (address[] memory accused, bytes[] memory signatures) = signed(keccak256("another"), 1);
        _expectRevert(
            BOND,
            accused,
            signatures,
            EVIDENCE,
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNotSigned.selector, accused[0])
        );
    }

    function test_revertWhen_nothingIsBonded() public {
        (address someone, uint256 key) = makeAddrAndKey("someone");
        address[] memory accused = new address[](1);
        bytes[] memory signatures = new bytes[](1);
        (accused[0], signatures[0]) = (someone, signature(key, oracle.digest(STATEMENT)));
        _expectRevert(
            BOND,
            accused,
            signatures,
            EVIDENCE,
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNothingBonded.selector, someone)
        );
    }

    // ------------------------------------------------------------------------------------------------ equivocation

    function test_equivocation() public {
        address member = members[4];
        bytes[2] memory signatures = _two(member, 100, 1, [bytes32("a"), "b"], [1, 1]);
        vm.expectEmit(address(manager));
        emit ISlashingManager.EquivocationSlashed(member, 100, 1, stranger, 1 ether);
        vm.prank(stranger);
        assertEq(
            manager.slashEquivocation(member, 100, 1, [bytes32("a"), "b"], [uint32(1), 1], signatures),
            1 ether
        );
        assertEq(oracle.due(stranger), 0);
        assertEq(oracle.treasuryDue(), 1 ether);
        assertFalse(oracle.isMember(member), "expelled");
    }

    function test_equivocationOverTheCount() public {
        bytes[2] memory signatures = _two(members[0], 100, 1, [bytes32("a"), "a"], [1, 2]);
        assertEq(
            manager.slashEquivocation(members[0], 100, 1, [bytes32("a"), "a"], [uint32(1), 2], signatures),
            1 ether
        );
    }

    function test_equivocationRevertWhen_theyAreTheSame() public {
        bytes[2] memory signatures = _two(members[0], 100, 1, [bytes32("a"), "a"], [1, 1]);
        vm.expectRevert(ISlashingManager.SlashingManagerNoEquivocation.selector);
        manager.slashEquivocation(members[0], 100, 1, [bytes32("a"), "a"], [uint32(1), 1], signatures);
    }

    function test_equivocationRevertWhen_punished() public {
        bytes[2] memory signatures = _two(members[0], 100, 1, [bytes32("a"), "b"], [1, 1]);
        manager.slashEquivocation(members[0], 100, 1, [bytes32("a"), "b"], [uint32(1), 1], signatures);
        oracle.bond{value: 1 ether}(members[0]);
        signatures = _two(members[0], 100, 1, [bytes32("a"), "c"], [1, 1]);
        vm.expectRevert(ISlashingManager.SlashingManagerNoEquivocation.selector);
        manager.slashEquivocation(members[0], 100, 1, [bytes32("a"), "c"], [uint32(1), 1], signatures);
    }

    /// @dev Reports of two epochs, or for two committees, contradict nothing.
    function test_equivocationRevertWhen_notOfOneEpochAndVersion() public {
        bytes[2] memory signatures = _two(members[0], 100, 1, [bytes32("a"), "b"], [1, 1]);
        bytes memory reason =
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNotSigned.selector, members[0]);
        bytes[2] memory other = _two(members[0], 101, 1, [bytes32("a"), "b"], [1, 1]);
        vm.expectRevert(reason);
        manager.slashEquivocation(
            members[0], 100, 1, [bytes32("a"), "b"], [uint32(1), 1], [signatures[0], other[1]]
        );
        other = _two(members[0], 100, 2, [bytes32("a"), "b"], [1, 1]);
        vm.expectRevert(reason);
        manager.slashEquivocation(
            members[0], 100, 1, [bytes32("a"), "b"], [uint32(1), 1], [other[0], signatures[1]]
        );
    }

    function test_equivocationRevertWhen_anotherSigned() public {
        bytes[2] memory signatures = _two(members[1], 100, 1, [bytes32("a"), "b"], [1, 1]);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNotSigned.selector, members[0])
        );
        manager.slashEquivocation(members[0], 100, 1, [bytes32("a"), "b"], [uint32(1), 1], signatures);
    }

    /// @dev The exploit: a member reports itself, which expelled it, raised the version and left too few members.
    function test_K2_anEquivocationReportDoesNotStopTheCommittee() public {
        (address[] memory signers, bytes[] memory votes) = signed(STATEMENT, THRESHOLD);
        address member = signers[0];
        bytes[2] memory signatures = _two(member, 100, 1, [bytes32("a"), "b"], [1, 1]);
        vm.prank(member);
        manager.slashEquivocation(member, 100, 1, [bytes32("a"), "b"], [uint32(1), 1], signatures);
        assertFalse(oracle.isMember(member), "expelled");
        assertEq(oracle.committeeVersion(), 1);
        assertTrue(oracle.verify(STATEMENT, votes, signers, 1), "signed before");
        skip(oracle.SIGNING_GRACE());
        (signers, votes) = signed(STATEMENT, THRESHOLD);
        assertTrue(oracle.verify(STATEMENT, votes, signers, 1), "the others go on");
    }

    function _two(
        address member,
        uint64 epoch,
        uint64 version,
        bytes32[2] memory roots,
        uint8[2] memory counts
    ) private view returns (bytes[2] memory signatures) {
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 hash = oracle.reportHash(epoch, roots[i], counts[i], version);
            signatures[i] = signature(memberKeys[member], oracle.digest(hash));
        }
    }

    /// @dev Against the first `count` of the committee of seven.
    function _open(uint256 count) private returns (uint256) {
        address[] memory accused = new address[](count);
        bytes[] memory signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            accused[i] = members[i];
            signatures[i] = signature(memberKeys[members[i]], oracle.digest(STATEMENT));
        }
        vm.prank(bob);
        return manager.disputeAttestation{value: BOND}(STATEMENT, accused, signatures, EVIDENCE);
    }

    function _open(address member, bytes memory theirs) private returns (uint256) {
        return _open(member, theirs, EVIDENCE);
    }

    function _open(address member, bytes memory theirs, bytes32 evidence) private returns (uint256) {
        address[] memory accused = new address[](1);
        bytes[] memory signatures = new bytes[](1);
        (accused[0], signatures[0]) = (member, theirs);
        vm.prank(bob);
        return manager.disputeAttestation{value: BOND}(STATEMENT, accused, signatures, evidence);
    }

    function _wrongState(uint256 id, DisputeState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongState.selector, id, state);
    }

    function _expectRevert(
        uint256 value,
        address[] memory accused,
        bytes[] memory signatures,
        bytes32 evidence,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        vm.prank(bob);
        manager.disputeAttestation{value: value}(STATEMENT, accused, signatures, evidence);
    }
}
