// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerDisputeTest is SessionTest {
    function test_DisputeByUser() public {
        uint256 id = openDollar();
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionDisputed(id, user, "evidence", vm.getBlockTimestamp() + 7 days);
        disputeAs(user, id);
        ISessionManager.Session memory s = manager.session(id);
        assertState(id, ISessionManager.State.Disputed);
        assertTrue(s.disputedByUser);
        assertEq(s.disputedAt, vm.getBlockTimestamp());
        assertEq(s.bond, BOND);
        assertEq(manager.settleableUntil(id), 0);
        assertEq(manager.liabilities(ETH), BOND);
        assertSolvent(ETH);
    }

    function test_DisputeByOperatorOfAttested() public {
        uint256 id = openAttested();
        disputeAs(operator, id);
        assertFalse(manager.session(id).disputedByUser);
    }

    function test_DisputeOfClosedUntilTheEndOfThePeriod() public {
        uint256 one = openDollar();
        uint256 two = openDollar();
        close(one);
        close(two);
        skip(3 days - 1);
        disputeAs(user, one);
        skip(1);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.dispute{value: BOND}(two, 0);
    }

    function test_DisputeByOthersReverts() public {
        uint256 byReceipt = openDollar();
        uint256 roaming = openRoaming();
        vm.prank(stranger);
        vm.expectRevert(ISessionManager.SessionManagerNotParty.selector);
        manager.dispute{value: BOND}(byReceipt, 0);
        // With receipts the operator has all that it can ever claim in its hands.
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotParty.selector);
        manager.dispute{value: BOND}(byReceipt, 0);
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotParty.selector);
        manager.dispute{value: BOND}(roaming, 0);
    }

    function test_DisputeWithWrongBondReverts() public {
        uint256 id = openDollar();
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerWrongBond.selector);
        manager.dispute{value: BOND - 1}(id, 0);
        vm.expectRevert(ISessionManager.SessionManagerWrongBond.selector);
        manager.dispute{value: BOND + 1}(id, 0);
        parameters.set(ParameterKeys.DISPUTE_BOND, 0.02 ether);
        vm.expectRevert(ISessionManager.SessionManagerWrongBond.selector);
        manager.dispute{value: BOND}(id, 0);
        manager.dispute{value: 0.02 ether}(id, 0);
    }

    function test_DisputeTwiceReverts() public {
        uint256 id = openDollar();
        disputeAs(user, id);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.dispute{value: BOND}(id, 0);
    }

    function test_DisputeOfUnknownOrFinalReverts() public {
        uint256 id = openDollar();
        vm.prank(operator);
        manager.complete(id, 0, "");
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.dispute{value: BOND}(id, 0);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.dispute{value: BOND}(99, 0);
    }

    function test_DisputeWhilePaused() public {
        uint256 id = openDollar();
        parameters.setPaused(true);
        disputeAs(user, id);
    }
}

contract SessionManagerResolveTest is SessionTest {
    function refused(ISessionManager.Resolution memory decision, bytes4 reason) private {
        ISessionManager.Votes memory signed = votesFor(decision);
        vm.expectRevert(reason);
        manager.resolve(decision, signed);
    }

    function disputedWith(uint256 claimed, uint256 signed) private returns (uint256 id) {
        id = openDollar();
        if (claimed != 0) claim(id, claimed);
        disputeAs(user, id);
        if (signed != claimed) present(id, signed);
        skip(1 hours);
    }

    function test_ResolveInPart() public {
        uint256 id = disputedWith(10e6, 50e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(id, NODE, operator, 20e6, 30e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionResolved(id, 30e6, 70e6, user, false);
        resolve(id, 30e6, true);
        assertState(id, ISessionManager.State.Resolved);
        assertSplit(address(dollar), 30e6);
        assertEq(manager.credit(user, address(dollar)), 70e6);
        assertEq(manager.credit(user, ETH), BOND, "bond back");
        assertSolvent(address(dollar));
        assertSolvent(ETH);
    }

    function test_ResolveAgainstTheUserForfeitsTheBond() public {
        uint256 id = disputedWith(10e6, 50e6);
        resolve(id, 50e6, false);
        assertSplit(address(dollar), 50e6);
        assertEq(manager.credit(user, ETH), 0);
        assertEq(manager.credit(operator, ETH), BOND);
        assertSolvent(ETH);
    }

    /// @dev What is paid stays paid, what was not signed is never paid.
    function test_ResolveBounds() public {
        uint256 id = disputedWith(10e6, 50e6);
        bytes4 invalid = ISessionManager.SessionManagerInvalidResolution.selector;
        refused(ISessionManager.Resolution(id, NODE, 10e6 - 1, true), invalid);
        refused(ISessionManager.Resolution(id, NODE, 50e6 + 1, true), invalid);
        refused(ISessionManager.Resolution(id, NODE, type(uint256).max, true), invalid);
        refused(ISessionManager.Resolution(id, OTHER_NODE, 50e6, true), invalid);
        resolve(id, 10e6, true);
        assertSplit(address(dollar), 10e6);
    }

    function test_ResolveAttestedUpToTheDeposit() public {
        uint256 id = openAttested();
        disputeAs(operator, id);
        skip(60);
        refused(
            ISessionManager.Resolution(id, NODE, DEPOSIT + 1, true),
            ISessionManager.SessionManagerInvalidResolution.selector
        );
        resolve(id, DEPOSIT, true);
        assertSplit(address(dollar), DEPOSIT);
        assertEq(manager.session(id).signed, DEPOSIT);
        assertEq(manager.credit(operator, ETH), BOND);
        assertSolvent(address(dollar));
    }

    function test_ResolveAgainstTheOperatorForfeitsToTheUser() public {
        uint256 id = openAttested();
        disputeAs(operator, id);
        resolve(id, 0, false);
        assertEq(manager.credit(user, ETH), BOND);
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
    }

    function test_ResolveRoaming() public {
        uint256 id = openRoaming();
        disputeAs(user, id);
        refused(
            ISessionManager.Resolution(id, bytes20("nowhere"), 1, true),
            ISessionManager.SessionManagerInvalidResolution.selector
        );
        ISessionManager.Resolution memory decision = ISessionManager.Resolution(id, OTHER_NODE, 40e6, false);
        manager.resolve(decision, votesFor(decision));
        assertEq(splitter.pending(otherOperator, address(dollar)), 32e6);
        assertEq(manager.credit(treasury, ETH), BOND, "no operator of its own: the bond is the treasury's");
        assertSolvent(ETH);
    }

    /// @dev With nothing to pay it does not matter which node the decision names.
    function test_ResolveRoamingWithNothingToPay() public {
        uint256 id = openRoaming();
        disputeAs(user, id);
        ISessionManager.Resolution memory decision = ISessionManager.Resolution(id, bytes20(0), 0, true);
        manager.resolve(decision, votesFor(decision));
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
    }

    function test_ResolveWithinAMinuteOfAClaimReverts() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        disputeAs(user, id);
        present(id, 50e6);
        skip(59);
        refused(
            ISessionManager.Resolution(id, NODE, 50e6, true), ISessionManager.SessionManagerTooSoon.selector
        );
        skip(1);
        resolve(id, 50e6, true);
    }

    function test_ResolveTwiceReverts() public {
        uint256 id = disputedWith(0, 50e6);
        resolve(id, 30e6, true);
        refused(
            ISessionManager.Resolution(id, NODE, 30e6, true),
            ISessionManager.SessionManagerNotDisputed.selector
        );
    }

    function test_ResolveOfUndisputedReverts() public {
        uint256 id = openDollar();
        refused(
            ISessionManager.Resolution(id, NODE, 0, true), ISessionManager.SessionManagerNotDisputed.selector
        );
        refused(
            ISessionManager.Resolution(99, NODE, 0, true),
            ISessionManager.SessionManagerUnknownSession.selector
        );
    }

    function test_ResolveAfterTheDeadlineReverts() public {
        uint256 id = disputedWith(0, 50e6);
        skip(7 days - 1 hours);
        refused(
            ISessionManager.Resolution(id, NODE, 0, true), ISessionManager.SessionManagerDisputeOver.selector
        );
    }

    function test_ResolveJustBeforeTheDeadline() public {
        uint256 id = disputedWith(0, 50e6);
        skip(7 days - 1 hours - 1);
        resolve(id, 0, true);
    }

    function test_ResolveWithoutEnoughVotesReverts() public {
        uint256 id = disputedWith(0, 50e6);
        ISessionManager.Resolution memory decision = ISessionManager.Resolution(id, NODE, 20e6, true);
        bytes32 structHash = manager.resolutionHash(decision, 1);
        ISessionManager.Votes memory signed = votes(structHash, 4);
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        signed = votes(structHash, 5);
        decision.upheld = false;
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        decision.upheld = true;
        decision.amount = 21e6;
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        decision.amount = 20e6;
        manager.resolve(decision, signed);
    }

    function test_ResolveFromElsewhereReverts() public {
        uint256 id = disputedWith(0, 50e6);
        ISessionManager.Resolution memory decision = ISessionManager.Resolution(id, NODE, 20e6, true);
        // another contract
        SessionManager twin = newManager();
        ISessionManager.Votes memory signed = votes(twin.resolutionHash(decision, 1), 5);
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        // another chain
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        signed = votesFor(decision);
        vm.chainId(here);
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        // another session
        decision.sessionId = disputedWith(0, 50e6);
        signed = votesFor(decision);
        decision.sessionId = id;
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        // an earlier committee
        signed = votesFor(decision);
        committee.rotate();
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        signed.version = 2;
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.resolve(decision, signed);
        manager.resolve(decision, votesFor(decision));
    }

    function test_DecisionHashIsEip712() public view {
        ISessionManager.Resolution memory decision = ISessionManager.Resolution(7, NODE, 20e6, true);
        bytes32 expected = keccak256(
            abi.encode(
                keccak256(
                    "Resolution(address manager,uint64 version,uint256 sessionId,bytes20 node,uint256 amount,bool upheld)"
                ),
                address(manager),
                uint64(3),
                uint256(7),
                NODE,
                uint256(20e6),
                true
            )
        );
        assertEq(manager.resolutionHash(decision, 3), expected);
    }

    // ------------------------------------------------------------------ a silent committee

    function test_TimedOutPaysWhatWasSigned() public {
        uint256 id = disputedWith(10e6, 50e6);
        skip(7 days - 1 hours);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionResolved(id, 50e6, 50e6, user, true);
        vm.prank(stranger);
        manager.resolveTimedOut(id);
        assertState(id, ISessionManager.State.Resolved);
        assertSplit(address(dollar), 50e6);
        assertEq(manager.credit(user, address(dollar)), 50e6);
        assertEq(manager.credit(user, ETH), BOND);
        assertSolvent(address(dollar));
        assertSolvent(ETH);
    }

    function test_TimedOutOfAttestedPaysWhatWasAttested() public {
        uint256 id = openAttested();
        attest(id, 10e6, 1);
        disputeAs(operator, id);
        skip(7 days);
        manager.resolveTimedOut(id);
        assertSplit(address(dollar), 10e6);
        assertEq(manager.credit(user, address(dollar)), 90e6);
        assertEq(manager.credit(operator, ETH), BOND);
    }

    function test_TimedOutTooEarlyReverts() public {
        uint256 id = disputedWith(10e6, 50e6);
        skip(7 days - 1 hours - 1);
        vm.expectRevert(ISessionManager.SessionManagerDisputeOpen.selector);
        manager.resolveTimedOut(id);
    }

    function test_TimedOutOfUndisputedReverts() public {
        uint256 id = openDollar();
        skip(30 days);
        vm.expectRevert(ISessionManager.SessionManagerNotDisputed.selector);
        manager.resolveTimedOut(id);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.resolveTimedOut(99);
    }

    function test_DisputedSessionTakesNoUsage() public {
        uint256 id = openAttested();
        disputeAs(user, id);
        assertEq(attest(id, 10e6, 1), 0);
    }
}
