// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {Offence} from "../../src/interfaces/ISlashingManager.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {World} from "./World.sol";

/// @notice A pause stops new business, and nobody's way out: every exit is walked to its end under a pause that the
/// timelock keeps renewing.
contract ExitsTest is World {
    uint256 private _pausedUntil;

    function setUp() public override {
        super.setUp();
        // Something to be claimed and withdrawn.
        _claim(session, 0.5 ether);
        _keepPaused();
    }

    function test_NewBusinessIsStopped() public {
        bytes memory data = _registration(freshNode, stranger);
        vm.prank(stranger);
        (bool done, bytes memory why) = address(system.nodes).call{value: 1 ether}(data);
        assertFalse(done);
        assertTrue(bytes4(why) == INodeRegistry.NodeRegistryPaused.selector);
        ISessionManager.Terms memory terms = _terms(bytes20(0));
        vm.expectRevert(ISessionManager.SessionManagerPaused.selector);
        vm.prank(user);
        system.sessions.open{value: 1 ether}(terms);
    }

    function test_AnOperatorTakesTheStakeOut() public {
        uint256 before = operator.balance;
        vm.prank(operator);
        system.nodes.requestWithdrawal(node.node, 1 ether);
        vm.prank(operator);
        system.nodes.deregisterNode(node.node);
        _wait(21 days);
        vm.prank(operator);
        system.nodes.withdrawStake(node.node, operator);
        assertEq(operator.balance, before + 2 ether);
        assertEq(system.nodes.nodeCount(), 0);
    }

    function test_AMemberTakesTheBondOut() public {
        address member = config.committee[0];
        vm.prank(member);
        system.oracle.resign();
        _wait(14 days);
        vm.startPrank(member);
        system.oracle.leaveCommittee();
        system.oracle.unbond(member, 1 ether);
        vm.stopPrank();
        _wait(21 days);
        vm.prank(member);
        system.oracle.withdrawBond(member, member);
        assertEq(member.balance, 1 ether);
    }

    function test_AUserTakesTheRestOut() public {
        vm.prank(user);
        system.sessions.close(session);
        _wait(3 days);
        system.sessions.finalize(session);
        uint256 before = user.balance;
        vm.prank(user);
        system.sessions.withdraw(address(0));
        assertEq(user.balance, before + 0.5 ether);
    }

    function test_AForgottenSessionEndsWithoutItsUser() public {
        _wait(1 days);
        vm.prank(stranger);
        system.sessions.close(attestedSession);
        _wait(3 days);
        vm.prank(stranger);
        system.sessions.finalize(attestedSession);
        assertEq(system.sessions.credit(user, address(0)), 1 ether);
    }

    function test_OperatorAndTreasuryTakeTheirSharesOut() public {
        uint256 before = operator.balance;
        vm.prank(operator);
        system.splitter.withdraw(address(0));
        assertEq(operator.balance, before + 0.4 ether);
        system.splitter.collectTreasury(address(0));
        assertEq(treasury.balance, 0.05 ether);
        // What the division by the weights leaves over is carried to the next payment.
        assertEq(system.splitter.harvest(node.node, address(0)), 0.05 ether - 1);
        vm.prank(operator);
        system.splitter.withdraw(address(0));
        assertEq(operator.balance, before + 0.45 ether - 1);
        assertEq(address(system.splitter).balance, 1);
    }

    function test_AnOperatorStillClaims() public {
        _wait(60);
        _claim(session, 0.7 ether);
        _wait(60);
        bytes memory receipt = _receipt(session, 0.8 ether);
        vm.prank(operator);
        system.sessions.complete(session, 0.8 ether, receipt);
        assertEq(system.sessions.credit(user, address(0)), 0.2 ether);
    }

    function test_ASessionsDisputeEnds() public {
        vm.prank(user);
        system.sessions.dispute{value: 0.01 ether}(attestedSession, "evidence");
        _wait(7 days);
        system.sessions.resolveTimedOut(attestedSession);
        assertEq(system.sessions.credit(user, address(0)), 1.01 ether);
    }

    function test_ADisputeAgainstANodeEnds() public {
        vm.prank(stranger);
        uint256 id = system.slashing.openDispute{value: 0.01 ether}(
            node.node, Offence.Logging, uint64(vm.getBlockTimestamp()), "evidence"
        );
        _wait(7 days + 1);
        system.slashing.expire(id);
        uint256 before = stranger.balance;
        vm.prank(stranger);
        system.slashing.withdraw(stranger);
        assertEq(stranger.balance, before + 0.01 ether);
    }

    function test_AnUpheldDisputeIsExecuted() public {
        vm.prank(stranger);
        uint256 id = system.slashing.openDispute{value: 0.01 ether}(
            node.node, Offence.Logging, uint64(vm.getBlockTimestamp()), "evidence"
        );
        uint64 version = system.oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            _votes(system.slashing.verdictHash(id, true, version), 6);
        system.slashing.decide(id, true, version, signers, signatures);
        _wait(5 days);
        assertEq(system.slashing.execute(id), 0.5 ether);
        system.nodes.collectTreasury();
        assertEq(treasury.balance, 0.45 ether);
        vm.prank(stranger);
        system.nodes.withdraw(stranger);
    }

    function test_ADisputeAgainstTheCommitteeEnds() public {
        bytes32 hash = keccak256("something false");
        (address[] memory signers, bytes[] memory signatures) = _votes(hash, 1);
        vm.prank(stranger);
        uint256 id =
            system.slashing.disputeAttestation{value: 0.01 ether}(hash, signers, signatures, "evidence");
        _wait(35 days + 1);
        system.slashing.expireAttestationDispute(id);
        uint256 before = stranger.balance;
        vm.prank(stranger);
        system.slashing.withdraw(stranger);
        assertEq(stranger.balance, before + 0.005 ether);
    }

    function test_ThePauseEndsByItself() public {
        skip(30 days - 1);
        assertTrue(system.parameters.paused());
        skip(1);
        assertFalse(system.parameters.paused());
        _open(bytes20(0));
    }

    /// @dev Time goes on, and the timelock renews the pause in time.
    function _wait(uint256 time) private {
        uint256 end = vm.getBlockTimestamp() + time;
        while (vm.getBlockTimestamp() < end) {
            uint256 left = end - vm.getBlockTimestamp();
            skip(left < 20 days ? left : 20 days);
            _keepPaused();
        }
    }

    function _keepPaused() private {
        vm.prank(address(system.timelock));
        system.parameters.renewPause(30 days);
        assertTrue(system.parameters.paused());
    }
}
