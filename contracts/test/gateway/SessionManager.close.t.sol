// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerCloseTest is SessionTest {
    function test_CloseByUser() public {
        uint256 id = openDollar();
        skip(1 hours);
        uint256 until = vm.getBlockTimestamp() + 3 days;
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionClosed(id, user, until);
        vm.prank(user);
        manager.close(id);
        assertState(id, ISessionManager.State.Closed);
        assertEq(manager.session(id).closedAt, vm.getBlockTimestamp());
        assertEq(manager.settleableUntil(id), until);
    }

    function test_CloseByOthersOnlyAfterExpiry() public {
        uint256 id = openDollar();
        uint256 expiresAt = manager.session(id).expiresAt;
        skip(1 days - 1);
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotUser.selector);
        manager.close(id);
        skip(1 hours);
        vm.prank(stranger);
        manager.close(id);
        assertEq(manager.session(id).closedAt, expiresAt, "ended when it expired");
        assertEq(manager.settleableUntil(id), expiresAt + 3 days);
    }

    function test_CloseTwiceReverts() public {
        uint256 id = openDollar();
        close(id);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.close(id);
    }

    function test_CloseOfDisputedOrFinalReverts() public {
        uint256 id = openDollar();
        disputeAs(user, id);
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.close(id);
        skip(7 days);
        manager.resolveTimedOut(id);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.close(id);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.close(99);
    }

    function test_CloseWhilePaused() public {
        uint256 id = openDollar();
        parameters.setPaused(true);
        close(id);
    }
}

contract SessionManagerFinalizeTest is SessionTest {
    function test_FinalizeRefundsTheUnused() public {
        uint256 id = openDollar();
        claim(id, 30e6);
        close(id);
        skip(3 days);
        vm.expectEmit(address(manager));
        emit ISessionManager.Credited(user, address(dollar), 70e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionClaimed(id, 30e6, 70e6);
        vm.prank(stranger);
        manager.finalize(id);
        assertState(id, ISessionManager.State.Claimed);
        assertEq(manager.credit(user, address(dollar)), 70e6);
        assertEq(manager.settleableUntil(id), 0);
        assertSplit(address(dollar), 30e6);
        assertSolvent(address(dollar));
    }

    function test_FinalizeNeedsNoClose() public {
        uint256 id = openEth();
        skip(4 days - 1);
        vm.expectRevert(ISessionManager.SessionManagerNotFinal.selector);
        manager.finalize(id);
        skip(1);
        manager.finalize(id);
        assertEq(manager.credit(user, ETH), DEPOSIT);
    }

    function test_FinalizeTooEarlyReverts() public {
        uint256 id = openDollar();
        close(id);
        skip(3 days - 1);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotFinal.selector);
        manager.finalize(id);
    }

    function test_FinalizePaysWhatWasPresented() public {
        uint256 id = openDollar();
        present(id, 40e6);
        close(id);
        skip(3 days);
        manager.finalize(id);
        assertSplit(address(dollar), 40e6);
        assertEq(manager.credit(user, address(dollar)), 60e6);
        assertSolvent(address(dollar));
    }

    /// @dev Even the end does not settle twice within a minute; it only waits for the minute, not for more.
    function test_FinalizeWaitsForTheMinute() public {
        parameters.set(keccak256("SESSION_SETTLE_INTERVAL"), 1 days);
        uint256 id = openDollar();
        skip(4 days - 1);
        claim(id, 30e6);
        present(id, 40e6);
        skip(59);
        vm.expectRevert(ISessionManager.SessionManagerTooSoon.selector);
        manager.finalize(id);
        skip(1);
        manager.finalize(id);
        assertSplit(address(dollar), 40e6);
    }

    /// @dev A refund is not a settlement.
    function test_FinalizeWithNothingToPayNeedsNoMinute() public {
        uint256 id = openDollar();
        skip(4 days - 1);
        claim(id, 30e6);
        skip(1);
        manager.finalize(id);
        assertEq(manager.credit(user, address(dollar)), 70e6);
    }

    function test_FinalizeOfFullyClaimedCreditsNothing() public {
        uint256 id = openDollar();
        claim(id, DEPOSIT);
        close(id);
        skip(3 days);
        manager.finalize(id);
        assertEq(manager.credit(user, address(dollar)), 0);
        assertEq(manager.liabilities(address(dollar)), 0);
    }

    function test_FinalizeTwiceReverts() public {
        uint256 id = openDollar();
        skip(4 days);
        manager.finalize(id);
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.finalize(id);
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
    }

    function test_FinalizeOfDisputedReverts() public {
        uint256 id = openDollar();
        disputeAs(user, id);
        skip(40 days);
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.finalize(id);
    }

    function test_FinalizeOfUnknownReverts() public {
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.finalize(1);
    }

    function test_FinalizeOfAttested() public {
        uint256 id = openRoaming();
        close(id);
        skip(3 days);
        manager.finalize(id);
        assertEq(manager.credit(user, address(dollar)), DEPOSIT);
    }

    function test_FinalizeWhilePausedAndDelisted() public {
        uint256 id = openDollar();
        present(id, 40e6);
        parameters.setPaused(true);
        parameters.setAccepted(address(dollar), false);
        skip(4 days);
        manager.finalize(id);
        assertSplit(address(dollar), 40e6);
        vm.prank(user);
        manager.withdraw(address(dollar));
        assertSolvent(address(dollar));
    }
}

contract SessionManagerCompleteTest is SessionTest {
    function complete(uint256 id, uint256 amount) private {
        bytes memory signed = receipt(id, amount);
        vm.prank(operator);
        manager.complete(id, amount, signed);
    }

    /// @dev The operator's last claim frees the rest at once: no waiting for the user.
    function test_CompletePaysAndRefundsAtOnce() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        skip(60);
        bytes memory signed = receipt(id, 30e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(id, NODE, operator, 20e6, 30e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionClaimed(id, 30e6, 70e6);
        vm.prank(operator);
        manager.complete(id, 30e6, signed);
        assertState(id, ISessionManager.State.Claimed);
        assertSplit(address(dollar), 30e6);
        assertEq(manager.credit(user, address(dollar)), 70e6);
        assertSolvent(address(dollar));
    }

    function test_CompleteWithoutAnyUse() public {
        uint256 id = openEth();
        vm.prank(operator);
        manager.complete(id, 0, "");
        assertEq(manager.credit(user, ETH), DEPOSIT);
    }

    function test_CompleteAfterCloseAndBySettler() public {
        uint256 id = openDollar();
        close(id);
        bytes memory signed = receipt(id, 30e6);
        vm.prank(stranger);
        vm.expectRevert(ISessionManager.SessionManagerNotOperator.selector);
        manager.complete(id, 30e6, signed);
        vm.prank(operator);
        manager.setSettler(stranger, true);
        vm.prank(stranger);
        manager.complete(id, 30e6, signed);
        assertSplit(address(dollar), 30e6);
    }

    function test_CompleteByUserReverts() public {
        uint256 id = openDollar();
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotOperator.selector);
        manager.complete(id, 0, "");
    }

    function test_CompleteTooSoonReverts() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        bytes memory signed = receipt(id, 30e6);
        skip(59);
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerTooSoon.selector);
        manager.complete(id, 30e6, signed);
        vm.prank(operator);
        manager.complete(id, 10e6, "");
    }

    function test_CompleteWithBadReceiptReverts() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        skip(60);
        bytes memory signed = receipt(id, 30e6);
        vm.startPrank(operator);
        vm.expectRevert(ISessionManager.SessionManagerInvalidReceipt.selector);
        manager.complete(id, 31e6, signed);
        vm.expectRevert(ISessionManager.SessionManagerStaleReceipt.selector);
        manager.complete(id, 9e6, signed);
    }

    function test_CompleteOfAttested() public {
        uint256 id = openAttested();
        attest(id, 10e6, 1);
        vm.startPrank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotByReceipt.selector);
        manager.complete(id, 11e6, "");
        manager.complete(id, 10e6, "");
        assertEq(manager.credit(user, address(dollar)), 90e6);
    }

    function test_CompleteOutsideItsTimeReverts() public {
        uint256 late = openDollar();
        uint256 disputed = openDollar();
        disputeAs(user, disputed);
        skip(4 days);
        vm.startPrank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.complete(late, 0, "");
        vm.expectRevert(ISessionManager.SessionManagerNotSettleable.selector);
        manager.complete(disputed, 0, "");
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.complete(99, 0, "");
    }
}
