// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice setCommittee, resign and leaveCommittee.
contract ReputationOracleCommitteeTest is ReputationBase {
    function test_theFirstCommittee() public view {
        assertEq(oracle.committeeVersion(), 1);
        assertEq(oracle.threshold(), THRESHOLD);
        assertEq(oracle.members().length, MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            assertTrue(oracle.isMember(members[i]), "member");
        }
        assertFalse(oracle.isMember(alice), "stranger");
    }

    function test_rotate() public {
        address newcomer = _addCandidate("newcomer");
        address[] memory next = _without(newcomer == members[0] ? members[1] : members[0]);
        address gone = newcomer == members[0] ? members[1] : members[0];
        vm.expectEmit(address(oracle));
        emit IReputationOracle.CommitteeChanged(2, next);
        vm.prank(governor);
        oracle.setCommittee(next);
        assertEq(oracle.committeeVersion(), 2);
        assertTrue(oracle.isMember(newcomer), "newcomer");
        assertFalse(oracle.isMember(gone), "gone");
        assertEq(oracle.members().length, MEMBERS);
        vm.prank(gone);
        oracle.unbond(gone, 1 ether);
    }

    /// @dev ⌈2n/3⌉ for every size.
    function test_thresholds() public {
        uint8[9] memory expected = [5, 6, 6, 7, 8, 8, 9, 10, 10];
        for (uint256 size = 7; size <= 15; ++size) {
            if (size != 7) _addCandidate(string.concat("further", vm.toString(size)));
            setParameter(ParameterKeys.ORACLE_COMMITTEE_SIZE, size);
            vm.prank(governor);
            oracle.setCommittee(members);
            assertEq(oracle.threshold(), expected[size - 7]);
            assertGe(3 * oracle.threshold(), 2 * size, "two thirds");
            assertLt(3 * (oracle.threshold() - 1), 2 * size, "not more");
        }
    }

    function test_revertWhen_sizeIsOutOfBounds() public {
        for (uint256 i = MEMBERS; i < 16; ++i) {
            _addCandidate(string.concat("further", vm.toString(i)));
        }
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleWrongSize.selector, 16));
        vm.prank(governor);
        oracle.setCommittee(members);
        address[] memory few = new address[](6);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleWrongSize.selector, 6));
        vm.prank(governor);
        oracle.setCommittee(few);
    }

    function test_revertWhen_sizeIsNotTheGovernedOne() public {
        _addMember("further");
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleWrongSize.selector, 8));
        vm.prank(governor);
        oracle.setCommittee(members);
    }

    function test_revertWhen_unsorted() public {
        address[] memory next = members;
        (next[3], next[4]) = (next[4], next[3]);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleUnsorted.selector, next[4]));
        vm.prank(governor);
        oracle.setCommittee(next);
    }

    function test_revertWhen_twice() public {
        address[] memory next = members;
        next[4] = next[3];
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleUnsorted.selector, next[4]));
        vm.prank(governor);
        oracle.setCommittee(next);
    }

    function test_revertWhen_nobody() public {
        address[] memory next = members;
        next[0] = address(0);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleUnsorted.selector, address(0))
        );
        vm.prank(governor);
        oracle.setCommittee(next);
    }

    function test_revertWhen_tooFewAreFit() public {
        setParameter(ParameterKeys.COMMITTEE_BOND, 1 ether + 1);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleTooFewFit.selector, 0));
        vm.prank(governor);
        oracle.setCommittee(members);
        for (uint256 i = 1; i < MEMBERS; ++i) {
            vm.prank(members[i]);
            oracle.bond{value: 1}(members[i]);
        }
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleTooFewFit.selector, MEMBERS - 1)
        );
        vm.prank(governor);
        oracle.setCommittee(members);
    }

    // ------------------------------------------------------------------------------------------------ candidates

    /// @dev The exploit: a candidate takes 1 wei of its bond out just before the rotation, which then reverted.
    function test_A2_aConsentLocksTheBond() public {
        address candidate = _addCandidate("candidate");
        uint256 until = timestamp() + 1 days;
        assertEq(oracle.consentUntil(candidate), until);
        vm.startPrank(candidate);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleBondLocked.selector, until));
        oracle.unbond(candidate, 1);
        vm.warp(until);
        oracle.unbond(candidate, 1);
    }

    /// @dev A candidate without consent, or slashed below the bond, has no seat, and the rotation goes through.
    function test_A2_unfitCandidatesAreSkipped() public {
        _addCandidate("eighth");
        _addMember("ninth");
        setParameter(ParameterKeys.ORACLE_COMMITTEE_SIZE, MEMBERS + 2);
        address unwilling = _candidateWithout(false);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.CandidateSkipped(unwilling);
        vm.prank(governor);
        oracle.setCommittee(members);
        assertFalse(oracle.isMember(unwilling), "without consent");
        assertEq(oracle.members().length, MEMBERS + 1);
        assertEq(oracle.threshold(), 6);
        assertEq(oracle.committeeVersion(), 2);

        _consent(unwilling);
        vm.prank(address(manager));
        oracle.slashBond(unwilling, 1, address(0), 0);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.CandidateSkipped(unwilling);
        vm.prank(governor);
        oracle.setCommittee(members);
        assertEq(oracle.members().length, MEMBERS + 1);
        vm.prank(unwilling);
        oracle.bond{value: 1 ether}(unwilling);
        vm.prank(governor);
        oracle.setCommittee(members);
        assertTrue(oracle.isMember(unwilling), "fit");
        assertEq(oracle.consentUntil(unwilling), 0);
    }

    function test_A2_aConsentEndsByTheClock() public {
        address candidate = _addCandidate("candidate");
        address dropped = candidate == members[0] ? members[1] : members[0];
        vm.warp(oracle.consentUntil(candidate));
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleTooFewFit.selector, MEMBERS - 1)
        );
        vm.prank(governor);
        oracle.setCommittee(_without(dropped));
    }

    function test_A2_aConsentCannotBeShortened() public {
        address candidate = _addCandidate("candidate");
        uint64 start = timestamp();
        uint64 longest = start + uint64(oracle.MAX_CONSENT());
        bytes4 invalid = IReputationOracle.ReputationOracleInvalidConsent.selector;
        vm.startPrank(candidate);
        vm.expectRevert(abi.encodeWithSelector(invalid, start + 1 days - 1));
        oracle.consent(candidate, start + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(invalid, longest + 1));
        oracle.consent(candidate, longest + 1);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.ConsentGiven(candidate, longest);
        oracle.consent(candidate, longest);
        vm.warp(longest);
        vm.expectRevert(abi.encodeWithSelector(invalid, longest));
        oracle.consent(candidate, longest);
    }

    function test_revertWhen_notGovernor() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, members[0], bytes32(0)
            )
        );
        vm.prank(members[0]);
        oracle.setCommittee(members);
    }

    // ------------------------------------------------------------------------------------------------ leaving

    function test_resignAndLeave() public {
        address member = members[2];
        uint256 leaves = START + oracle.RESIGNATION_DELAY();
        vm.startPrank(member);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.Resigned(member, leaves);
        oracle.resign();
        assertEq(oracle.leavesAt(member), leaves);
        vm.warp(leaves - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleCannotLeave.selector, member, leaves)
        );
        oracle.leaveCommittee();
        vm.warp(leaves);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.MemberLeft(member, 1, leaves + oracle.SIGNING_GRACE());
        oracle.leaveCommittee();

        assertFalse(oracle.isMember(member), "member");
        assertEq(oracle.leavesAt(member), 0);
        oracle.unbond(member, 1 ether);
        skip(UNBONDING);
        oracle.withdrawBond(member, member);
        assertEq(member.balance, 100 ether);
    }

    /// @dev Each of them leaves, whatever the governor does or not, and in any order.
    function test_allCanLeave(uint256 seed) public {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            vm.prank(members[i]);
            oracle.resign();
        }
        skip(oracle.RESIGNATION_DELAY());
        for (uint256 left = MEMBERS; left > 0; --left) {
            address[] memory present = oracle.members();
            address who = present[uint256(keccak256(abi.encode(seed, left))) % left];
            vm.prank(who);
            oracle.leaveCommittee();
            present = oracle.members();
            assertEq(present.length, left - 1);
            for (uint256 i = 1; i < present.length; ++i) {
                assertTrue(present[i - 1] < present[i], "order");
            }
        }
    }

    function test_aRotationEndsAResignation() public {
        address member = members[0];
        vm.prank(member);
        oracle.resign();
        address newcomer = _addCandidate("newcomer");
        assertTrue(newcomer != member, "another");
        vm.prank(governor);
        oracle.setCommittee(_without(member));
        assertEq(oracle.leavesAt(member), 0);
        vm.prank(member);
        oracle.unbond(member, 1 ether);
    }

    function test_aRotationThatKeepsAMemberKeepsItsResignation() public {
        vm.prank(members[0]);
        oracle.resign();
        vm.prank(governor);
        oracle.setCommittee(members);
        skip(oracle.RESIGNATION_DELAY());
        vm.prank(members[0]);
        oracle.leaveCommittee();
        assertFalse(oracle.isMember(members[0]), "gone");
    }

    /// @dev A resignation is not a switch to keep: unused, it lapses, and the notice starts again.
    function test_A1_aMaturedResignationLapses() public {
        address member = members[2];
        uint256 leaves = START + oracle.RESIGNATION_DELAY();
        vm.startPrank(member);
        oracle.resign();
        vm.warp(leaves + oracle.RESIGNATION_WINDOW() - 1);
        assertEq(oracle.leavesAt(member), leaves);
        skip(1);
        assertEq(oracle.leavesAt(member), 0);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleCannotLeave.selector, member, 0)
        );
        oracle.leaveCommittee();
        oracle.resign();
        assertEq(oracle.leavesAt(member), timestamp() + oracle.RESIGNATION_DELAY());
        skip(oracle.RESIGNATION_DELAY());
        oracle.leaveCommittee();
        assertFalse(oracle.isMember(member), "gone");
    }

    function test_resignRevertWhen_notMember() public {
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleNotMember.selector, alice));
        vm.prank(alice);
        oracle.resign();
    }

    function test_resignRevertWhen_twice() public {
        vm.startPrank(members[0]);
        oracle.resign();
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleAlreadyResigned.selector, members[0])
        );
        oracle.resign();
    }

    function test_leaveRevertWhen_notResigned() public {
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleCannotLeave.selector, members[0], 0)
        );
        vm.prank(members[0]);
        oracle.leaveCommittee();
    }

    /// @dev The added candidate that has, or has not, consented.
    function _candidateWithout(bool consent) private view returns (address) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (!oracle.isMember(members[i]) && (oracle.consentUntil(members[i]) != 0) == consent) {
                return members[i];
            }
        }
        revert("no such candidate");
    }

    function _without(address member) private view returns (address[] memory rest) {
        rest = new address[](members.length - 1);
        uint256 next = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] != member) rest[next++] = members[i];
        }
    }
}
