// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
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
    function refused(ISessionManager.Resolution memory d, bytes4 reason) private {
        ISessionManager.Votes memory signed = votesFor(d);
        vm.expectRevert(reason);
        manager.resolve(d, signed);
    }

    /// @dev Settled by attestation, with `paid` of usage on its node.
    function attestedWith(uint256 paid) private returns (uint256 id) {
        id = openAttested();
        if (paid != 0) attest(id, paid, 1);
        disputeAs(user, id);
        skip(1 hours);
    }

    function disputedWith(uint256 claimed, uint256 signed) private returns (uint256 id) {
        id = openDollar();
        if (claimed != 0) claim(id, claimed);
        disputeAs(user, id);
        if (signed != claimed) present(id, signed);
        skip(1 hours);
    }

    function test_ResolveInPart() public {
        uint256 id = attestedWith(10e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(id, NODE, operator, 20e6, 30e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionResolved(id, 30e6, 70e6, user, false);
        resolve(decision(id, NODE, 20e6, true));
        assertState(id, ISessionManager.State.Resolved);
        assertSplit(address(dollar), 30e6);
        assertEq(manager.credit(user, address(dollar)), 70e6);
        assertEq(manager.credit(user, ETH), BOND, "bond back");
        assertSolvent(address(dollar));
        assertSolvent(ETH);
    }

    /// @dev The exploit: the committee resolved a session to 0 although a receipt had been presented.
    function test_A14_aPresentedReceiptStands() public {
        uint256 id = disputedWith(10e6, 50e6);
        refused(decision(id, NODE, 1, true), ISessionManager.SessionManagerInvalidResolution.selector);
        resolve(decision(id, true));
        assertSplit(address(dollar), 50e6);
        assertEq(manager.credit(user, address(dollar)), 50e6);
        assertEq(manager.credit(user, ETH), BOND, "bond back");
        assertSolvent(address(dollar));
    }

    function test_ResolveAgainstTheUserForfeitsTheBond() public {
        uint256 id = disputedWith(10e6, 50e6);
        resolve(decision(id, false));
        assertSplit(address(dollar), 50e6);
        assertEq(manager.credit(user, ETH), 0);
        assertEq(manager.credit(operator, ETH), BOND);
        assertSolvent(ETH);
    }

    /// @dev What is paid stays paid, and never more than the deposit is.
    function test_ResolveBounds() public {
        uint256 id = attestedWith(10e6);
        bytes4 invalid = ISessionManager.SessionManagerInvalidResolution.selector;
        refused(decision(id, NODE, DEPOSIT - 10e6 + 1, true), invalid);
        refused(decision(id, NODE, type(uint256).max, true), invalid);
        refused(decision(id, NODE, 0, true), invalid);
        refused(decision(id, OTHER_NODE, 50e6, true), invalid);
        ISessionManager.Resolution memory d = decision(id, true);
        d.shares = new ISessionManager.Share[](manager.MAX_SHARES() + 1);
        for (uint256 i = 0; i < d.shares.length; ++i) {
            d.shares[i] = ISessionManager.Share(NODE, 1);
        }
        refused(d, invalid);
        resolve(decision(id, true));
        assertSplit(address(dollar), 10e6);
    }

    function test_ResolveAttestedUpToTheDeposit() public {
        uint256 id = openAttested();
        disputeAs(operator, id);
        skip(60);
        resolve(decision(id, NODE, DEPOSIT, true));
        assertSplit(address(dollar), DEPOSIT);
        assertEq(manager.session(id).signed, DEPOSIT);
        assertEq(manager.credit(operator, ETH), BOND);
        assertSolvent(address(dollar));
    }

    function test_ResolveAgainstTheOperatorForfeitsToTheUser() public {
        uint256 id = openAttested();
        disputeAs(operator, id);
        resolve(decision(id, false));
        assertEq(manager.credit(user, ETH), BOND);
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
    }

    /// @dev The exploit: a disputed session on any node could pay one node only.
    function test_A5_aResolutionPaysSeveralNodes() public {
        uint256 id = openRoaming();
        disputeAs(user, id);
        refused(
            decision(id, bytes20("nowhere"), 1, true),
            ISessionManager.SessionManagerInvalidResolution.selector
        );
        ISessionManager.Resolution memory d = decision(id, OTHER_NODE, 40e6, false);
        d.shares = new ISessionManager.Share[](2);
        d.shares[0] = ISessionManager.Share(OTHER_NODE, 40e6);
        d.shares[1] = ISessionManager.Share(NODE, 20e6);
        resolve(d);
        assertEq(splitter.pending(otherOperator, address(dollar)), 32e6);
        assertEq(splitter.pending(operator, address(dollar)), 16e6);
        assertEq(manager.usageOf(id, OTHER_NODE), 40e6);
        assertEq(manager.credit(user, address(dollar)), DEPOSIT - 60e6);
        assertEq(manager.credit(otherOperator, ETH), BOND, "the bond is the first node's");
        assertSolvent(ETH);
        assertSolvent(address(dollar));
    }

    /// @dev The exploit: a dispute before the attestation cost the bond and skipped the attestation.
    function test_A5_usageIsSettledDuringADispute() public {
        uint256 id = openRoaming();
        disputeAs(user, id);
        assertEq(attest(id, 50e6, 1), 1);
        assertState(id, ISessionManager.State.Disputed);
        skip(7 days);
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, 60e6);
        assertEq(manager.settleUsage(usages, 2, votesFor(usages, 2)), 0, "not after its deadline");
        manager.resolveTimedOut(id);
        assertSplit(address(dollar), 50e6);
        assertEq(manager.credit(user, address(dollar)), 50e6);
        assertSolvent(address(dollar));
    }

    /// @dev The exploit: the nodes of such a session could not dispute it.
    function test_A5_aNodeThatWasPaidCanDispute() public {
        uint256 id = openRoaming();
        bytes4 notParty = ISessionManager.SessionManagerNotParty.selector;
        vm.startPrank(operator);
        vm.expectRevert(notParty);
        manager.disputeAsNode{value: BOND}(id, NODE, "evidence");
        vm.stopPrank();
        attest(id, 10e6, 1);
        vm.deal(otherOperator, 1 ether);
        vm.prank(otherOperator);
        vm.expectRevert(notParty);
        manager.disputeAsNode{value: BOND}(id, OTHER_NODE, "evidence");
        vm.startPrank(operator);
        vm.expectRevert(notParty);
        manager.disputeAsNode{value: BOND}(id, OTHER_NODE, "evidence");
        vm.expectRevert(notParty);
        manager.disputeAsNode{value: BOND}(id, bytes20(0), "evidence");
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionDisputed(id, operator, "evidence", vm.getBlockTimestamp() + 7 days);
        manager.disputeAsNode{value: BOND}(id, NODE, "evidence");
        vm.stopPrank();
        skip(60);
        resolve(decision(id, NODE, 5e6, true));
        assertEq(manager.credit(operator, ETH), BOND, "bond back");
        assertSplit(address(dollar), 15e6);

        id = openRoaming();
        attest(id, 10e6, 1);
        vm.prank(operator);
        manager.disputeAsNode{value: BOND}(id, NODE, "evidence");
        resolve(decision(id, false));
        assertEq(manager.credit(user, ETH), BOND, "the user's");
        // A session on one node has its own way.
        id = openAttested();
        attest(id, 10e6, 1);
        vm.prank(operator);
        vm.expectRevert(notParty);
        manager.disputeAsNode{value: BOND}(id, NODE, "evidence");
        assertSolvent(ETH);
    }

    /// @dev With nothing to pay there is no node, and a bond that is lost is the treasury's, by its role.
    function test_A10_aForfeitedBondIsTheTreasurys() public {
        uint256 id = openRoaming();
        disputeAs(user, id);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.TreasuryPaid(address(manager), BOND);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionResolved(id, 0, DEPOSIT, address(splitter), false);
        resolve(decision(id, false));
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
        parameters.setTreasury(stranger);
        uint256 before = stranger.balance;
        splitter.collectTreasury(ETH);
        assertEq(stranger.balance, before + BOND);
        assertSolvent(ETH);
    }

    function test_ResolveRoamingWithNothingToPay() public {
        uint256 id = openRoaming();
        disputeAs(user, id);
        resolve(decision(id, true));
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
        assertEq(manager.credit(user, ETH), BOND);
    }

    function test_ResolveWithinAMinuteOfAClaimReverts() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        disputeAs(user, id);
        present(id, 50e6);
        skip(59);
        refused(decision(id, true), ISessionManager.SessionManagerTooSoon.selector);
        skip(1);
        resolve(decision(id, true));
        id = openAttested();
        attest(id, 10e6, 1);
        disputeAs(user, id);
        skip(59);
        refused(decision(id, NODE, 1, true), ISessionManager.SessionManagerTooSoon.selector);
        skip(1);
        resolve(decision(id, NODE, 1, true));
    }

    function test_ResolveTwiceReverts() public {
        uint256 id = disputedWith(0, 50e6);
        resolve(decision(id, true));
        refused(decision(id, true), ISessionManager.SessionManagerNotDisputed.selector);
    }

    function test_ResolveOfUndisputedReverts() public {
        uint256 id = openDollar();
        refused(decision(id, true), ISessionManager.SessionManagerNotDisputed.selector);
        refused(decision(99, true), ISessionManager.SessionManagerUnknownSession.selector);
    }

    function test_ResolveAfterTheDeadlineReverts() public {
        uint256 id = disputedWith(0, 50e6);
        skip(7 days - 1 hours);
        refused(decision(id, true), ISessionManager.SessionManagerDisputeOver.selector);
    }

    function test_ResolveJustBeforeTheDeadline() public {
        uint256 id = disputedWith(0, 50e6);
        skip(7 days - 1 hours - 1);
        resolve(decision(id, true));
    }

    function test_ResolveWithoutEnoughVotesReverts() public {
        uint256 id = attestedWith(10e6);
        ISessionManager.Resolution memory d = decision(id, NODE, 20e6, true);
        bytes32 structHash = manager.resolutionHash(d, 1);
        ISessionManager.Votes memory signed = votes(structHash, 4);
        bytes4 reason = ISessionManager.SessionManagerNotAttested.selector;
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        signed = votes(structHash, 5);
        d.upheld = false;
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        d.upheld = true;
        d.shares[0].amount = 21e6;
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        d.shares[0] = ISessionManager.Share(OTHER_NODE, 20e6);
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        d.shares[0].node = NODE;
        manager.resolve(d, signed);
    }

    function test_ResolveFromElsewhereReverts() public {
        uint256 id = disputedWith(0, 50e6);
        ISessionManager.Resolution memory d = decision(id, true);
        bytes4 reason = ISessionManager.SessionManagerNotAttested.selector;
        // another contract
        SessionManager twin = newManager();
        ISessionManager.Votes memory signed = votes(twin.resolutionHash(d, 1), 5);
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        // another chain
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        signed = votesFor(d);
        vm.chainId(here);
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        // another session
        d.sessionId = disputedWith(0, 50e6);
        signed = votesFor(d);
        d.sessionId = id;
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        // an earlier committee
        signed = votesFor(d);
        committee.rotate();
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        signed.version = 2;
        vm.expectRevert(reason);
        manager.resolve(d, signed);
        manager.resolve(d, votesFor(d));
    }

    function test_DecisionHashIsEip712() public view {
        ISessionManager.Resolution memory d = decision(7, NODE, 20e6, true);
        bytes memory shareType = "Share(bytes20 node,uint256 amount)";
        bytes32 share = keccak256(abi.encode(keccak256(shareType), NODE, uint256(20e6)));
        bytes memory resolutionType = abi.encodePacked(
            "Resolution(address manager,uint64 version,uint256 sessionId,Share[] shares,bool upheld)",
            shareType
        );
        bytes32 expected = keccak256(
            abi.encode(
                keccak256(resolutionType),
                address(manager),
                uint64(3),
                uint256(7),
                keccak256(abi.encode(share)),
                true
            )
        );
        assertEq(manager.resolutionHash(d, 3), expected);
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
}
