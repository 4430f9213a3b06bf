// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerClaimTest is SessionTest {
    function test_ClaimInDollars() public {
        uint256 id = openDollar();
        claim(id, 40e6);
        ISessionManager.Session memory s = manager.session(id);
        assertEq(s.claimed, 40e6);
        assertEq(s.signed, 40e6);
        assertEq(s.settledAt, vm.getBlockTimestamp());
        assertState(id, ISessionManager.State.Active);
        assertSplit(address(dollar), 40e6);
        assertSolvent(address(dollar));
    }

    function test_ClaimInEth() public {
        uint256 id = openEth();
        claim(id, 40e6);
        assertSplit(ETH, 40e6);
        assertSolvent(ETH);
    }

    function test_ClaimEmits() public {
        uint256 id = openDollar();
        bytes memory signed = receipt(id, 40e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.ReceiptPresented(id, 40e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(id, NODE, operator, 40e6, 40e6);
        vm.prank(operator);
        manager.claim(id, 40e6, signed);
    }

    /// @dev Receipts are cumulative: each pays what it adds.
    function test_ClaimInChunks() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        skip(60);
        claim(id, 15e6);
        skip(60);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(id, NODE, operator, 85e6, 100e6);
        claim(id, 100e6);
        assertSplit(address(dollar), 100e6);
        assertSolvent(address(dollar));
    }

    function test_ClaimBySettlerPaysTheOperator() public {
        uint256 id = openDollar();
        claimRefused(stranger, id, 40e6, ISessionManager.SessionManagerNotOperator.selector);

        vm.expectEmit(address(manager));
        emit ISessionManager.SettlerUpdated(operator, stranger, true);
        vm.prank(operator);
        manager.setSettler(stranger, true);
        assertTrue(manager.isSettler(operator, stranger));
        claimAs(stranger, id, 40e6);
        assertSplit(address(dollar), 40e6);
        assertEq(splitter.pending(stranger, address(dollar)), 0);

        vm.prank(operator);
        manager.setSettler(stranger, false);
        skip(60);
        claimRefused(stranger, id, 50e6, ISessionManager.SessionManagerNotOperator.selector);
    }

    /// @dev The user could otherwise use up the interval with crumbs.
    function test_ClaimByTheUserReverts() public {
        uint256 id = openDollar();
        claimRefused(user, id, 40e6, ISessionManager.SessionManagerNotOperator.selector);
    }

    function test_ClaimByAnotherOperatorReverts() public {
        uint256 id = openDollar();
        claimRefused(otherOperator, id, 40e6, ISessionManager.SessionManagerNotOperator.selector);
    }

    function test_ClaimOfUnknownSessionReverts() public {
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.claim(1, 1, "");
    }

    /// @dev Nobody is the operator of a session without one, also not by way of a settler.
    function test_ClaimOfRoamingSessionReverts() public {
        uint256 id = openRoaming();
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotOperator.selector);
        manager.claim(id, 1, "");
    }

    function test_ClaimAboveTheDepositIsCapped() public {
        uint256 id = openDollar();
        claim(id, type(uint256).max);
        assertEq(manager.session(id).claimed, DEPOSIT);
        assertEq(manager.session(id).signed, DEPOSIT);
        assertSplit(address(dollar), DEPOSIT);
        assertSolvent(address(dollar));
    }

    function test_ClaimWithOlderReceiptReverts() public {
        uint256 id = openDollar();
        claim(id, 40e6);
        skip(60);
        claimRefused(operator, id, 39e6, ISessionManager.SessionManagerStaleReceipt.selector);
    }

    function test_ClaimTwiceWithSameReceiptReverts() public {
        uint256 id = openDollar();
        claim(id, 40e6);
        skip(60);
        claimRefused(operator, id, 40e6, ISessionManager.SessionManagerNothingToClaim.selector);
    }

    function test_ClaimOfNothingReverts() public {
        uint256 id = openDollar();
        claimRefused(operator, id, 0, ISessionManager.SessionManagerNothingToClaim.selector);
    }

    /// @dev A receipt already on record needs no second proof.
    function test_ClaimWhatWasPresented() public {
        uint256 id = openDollar();
        present(id, 40e6);
        assertEq(manager.session(id).claimed, 0);
        vm.prank(operator);
        manager.claim(id, 40e6, "");
        assertSplit(address(dollar), 40e6);
    }

    function test_ClaimTooSoonReverts() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        skip(59);
        claimRefused(operator, id, 20e6, ISessionManager.SessionManagerTooSoon.selector);
        skip(1);
        claim(id, 20e6);
    }

    function test_ClaimFollowsTheGovernedInterval() public {
        parameters.set(ParameterKeys.SESSION_SETTLE_INTERVAL, 1 hours);
        uint256 id = openDollar();
        claim(id, 10e6);
        skip(1 hours - 1);
        claimRefused(operator, id, 20e6, ISessionManager.SessionManagerTooSoon.selector);
        skip(1);
        claim(id, 20e6);
    }

    function test_ClaimAfterCloseWithinThePeriod() public {
        uint256 id = openDollar();
        close(id);
        skip(3 days - 1);
        claim(id, 40e6);
        assertSplit(address(dollar), 40e6);
        assertState(id, ISessionManager.State.Closed);
    }

    function test_ClaimAfterThePeriodReverts() public {
        uint256 id = openDollar();
        close(id);
        skip(3 days);
        claimRefused(operator, id, 40e6, ISessionManager.SessionManagerNotSettleable.selector);
    }

    /// @dev Expiry ends a session, also when nobody closed it.
    function test_ClaimAfterExpiry() public {
        uint256 id = openDollar();
        skip(4 days - 1);
        claim(id, 40e6);
        skip(1);
        claimRefused(operator, id, 50e6, ISessionManager.SessionManagerNotSettleable.selector);
    }

    function test_ClaimInFinalOrDisputedStateReverts() public {
        uint256 disputed = openDollar();
        uint256 completed = openDollar();
        disputeAs(user, disputed);
        vm.prank(operator);
        manager.complete(completed, 0, "");
        claimRefused(operator, disputed, 40e6, ISessionManager.SessionManagerNotSettleable.selector);
        claimRefused(operator, completed, 40e6, ISessionManager.SessionManagerNotSettleable.selector);
    }

    function test_ClaimOfAttestedSessionReverts() public {
        uint256 id = openAttested();
        claimRefused(operator, id, 40e6, ISessionManager.SessionManagerNotByReceipt.selector);
    }

    function test_ClaimWhilePaused() public {
        uint256 id = openDollar();
        parameters.setPaused(true);
        claim(id, 40e6);
        assertSplit(address(dollar), 40e6);
    }

    function test_ClaimInDelistedToken() public {
        uint256 id = openDollar();
        parameters.setAccepted(address(dollar), false);
        claim(id, 40e6);
        assertSplit(address(dollar), 40e6);
    }

    function test_ClaimOfNodeThatLeft() public {
        uint256 id = openDollar();
        registry.setStanding(NODE, false, false, true);
        registry.setOperator(NODE, address(0));
        claim(id, 40e6);
        assertSplit(address(dollar), 40e6);
    }

    function testFuzz_ClaimsPayExactlyWhatWasSigned(uint128 deposit, uint128[5] memory totals) public {
        deposit = uint128(bound(deposit, 1, 1_000_000e6));
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.amount = deposit;
        uint256 id = open(terms);
        uint256 highest = 0;
        for (uint256 i = 0; i < totals.length; ++i) {
            skip(60);
            uint256 total = bound(totals[i], 0, uint256(deposit) * 2);
            uint256 counted = total < deposit ? total : deposit;
            bytes memory signed = receipt(id, total);
            vm.prank(operator);
            if (counted < highest) {
                vm.expectRevert(ISessionManager.SessionManagerStaleReceipt.selector);
            } else if (counted == highest) {
                vm.expectRevert(ISessionManager.SessionManagerNothingToClaim.selector);
            } else {
                highest = counted;
            }
            manager.claim(id, total, signed);
            assertEq(manager.session(id).claimed, highest);
        }
        assertEq(dollar.balanceOf(address(splitter)), highest);
        assertSolvent(address(dollar));
    }
}
