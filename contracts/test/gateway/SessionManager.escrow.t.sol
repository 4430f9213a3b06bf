// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {RefusingReceiver, BombReceiver} from "../mocks/receivers/Receivers.sol";
import {FalseCoin, FeeCoin} from "../mocks/tokens/OddCoins.sol";
import {SessionTest} from "./SessionTest.sol";

/// @notice Withdrawals, and payments that the splitter cannot take.
contract SessionManagerEscrowTest is SessionTest {
    function refundedEth(address who) private returns (uint256 id) {
        ISessionManager.Terms memory terms = termsIn(ETH);
        terms.signer = user;
        vm.prank(user);
        id = manager.openFor{value: DEPOSIT}(who, terms);
        vm.prank(operator);
        manager.complete(id, 0, "");
    }

    function test_WithdrawEth() public {
        refundedEth(user);
        uint256 before = user.balance;
        vm.expectEmit(address(manager));
        emit ISessionManager.Withdrawn(user, ETH, user, DEPOSIT);
        vm.prank(user);
        manager.withdraw(ETH);
        assertEq(user.balance, before + DEPOSIT);
        assertEq(manager.credit(user, ETH), 0);
        assertEq(manager.liabilities(ETH), 0);
        assertSolvent(ETH);
    }

    function test_WithdrawTokenTo() public {
        uint256 id = openDollar();
        vm.prank(operator);
        manager.complete(id, 0, "");
        address cold = makeAddr("cold");
        vm.expectEmit(address(manager));
        emit ISessionManager.Withdrawn(user, address(dollar), cold, DEPOSIT);
        vm.prank(user);
        manager.withdrawTo(address(dollar), cold);
        assertEq(dollar.balanceOf(cold), DEPOSIT);
        assertSolvent(address(dollar));
    }

    function test_WithdrawNothingReverts() public {
        refundedEth(user);
        vm.prank(stranger);
        vm.expectRevert(ISessionManager.SessionManagerNothingToWithdraw.selector);
        manager.withdraw(ETH);
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerNothingToWithdraw.selector);
        manager.withdraw(address(dollar));
        manager.withdraw(ETH);
        vm.expectRevert(ISessionManager.SessionManagerNothingToWithdraw.selector);
        manager.withdraw(ETH);
    }

    function test_WithdrawToNobodyReverts() public {
        refundedEth(user);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerInvalidReceiver.selector);
        manager.withdrawTo(ETH, address(0));
    }

    /// @dev Who refuses blocks only itself, and can still name another receiver.
    function test_RefusingReceiver() public {
        RefusingReceiver receiver = new RefusingReceiver();
        refundedEth(address(receiver));
        refundedEth(user);
        vm.expectRevert(ISessionManager.SessionManagerTransferFailed.selector);
        receiver.act(address(manager), 0, abi.encodeCall(ISessionManager.withdraw, (ETH)));
        vm.prank(user);
        manager.withdraw(ETH);
        receiver.act(address(manager), 0, abi.encodeCall(ISessionManager.withdrawTo, (ETH, stranger)));
        assertEq(manager.liabilities(ETH), 0);
    }

    function test_BombReceiver() public {
        BombReceiver receiver = new BombReceiver();
        refundedEth(address(receiver));
        receiver.act(address(manager), 0, abi.encodeCall(ISessionManager.withdraw, (ETH)));
        assertEq(address(receiver).balance, DEPOSIT);
    }

    function test_WithdrawWhilePaused() public {
        refundedEth(user);
        parameters.setPaused(true);
        vm.prank(user);
        manager.withdraw(ETH);
    }

    function test_WithdrawOfFalseCoinReverts() public {
        FalseCoin coin = new FalseCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, DEPOSIT);
        vm.prank(user);
        coin.approve(address(manager), DEPOSIT);
        uint256 id = open(termsIn(address(coin)));
        vm.prank(operator);
        manager.complete(id, 0, "");
        coin.setFailing(true);
        vm.startPrank(user);
        vm.expectPartialRevert(bytes4(keccak256("SafeERC20FailedOperation(address)")));
        manager.withdraw(address(coin));
        coin.setFailing(false);
        manager.withdraw(address(coin));
        assertEq(coin.balanceOf(user), DEPOSIT);
    }

    // ------------------------------------------------------------------ payments that must wait

    /// @dev Neither claims nor refunds depend on the splitter, the parameters or the token working.
    function test_DeferredPayment() public {
        uint256 id = openDollar();
        parameters.setBroken(true);
        bytes memory signed = receipt(id, 40e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.PaymentDeferred(NODE, operator, address(dollar), 40e6);
        vm.prank(operator);
        manager.complete(id, 40e6, signed);
        assertEq(manager.deferred(NODE, operator, address(dollar)), 40e6);
        assertEq(dollar.balanceOf(address(splitter)), 0);
        assertEq(dollar.allowance(address(manager), address(splitter)), 0, "no allowance stays");
        assertSolvent(address(dollar));
        vm.prank(user);
        manager.withdraw(address(dollar));

        vm.expectPartialRevert(bytes4(keccak256("Error(string)")));
        manager.forwardDeferred(NODE, operator, address(dollar));
        parameters.setBroken(false);
        vm.expectEmit(address(manager));
        emit ISessionManager.PaymentForwarded(NODE, operator, address(dollar), 40e6);
        vm.prank(stranger);
        manager.forwardDeferred(NODE, operator, address(dollar));
        assertSplit(address(dollar), 40e6);
        assertSolvent(address(dollar));
        assertEq(manager.liabilities(address(dollar)), 0);
        vm.expectRevert(ISessionManager.SessionManagerNothingToWithdraw.selector);
        manager.forwardDeferred(NODE, operator, address(dollar));
    }

    function test_DeferredPaymentInEth() public {
        uint256 id = openEth();
        parameters.setBroken(true);
        claim(id, 10e6);
        skip(60);
        claim(id, 40e6);
        assertEq(manager.deferred(NODE, operator, ETH), 40e6, "adds up");
        assertSolvent(ETH);
        parameters.setBroken(false);
        manager.forwardDeferred(NODE, operator, ETH);
        assertSplit(ETH, 40e6);
    }

    /// @dev USDC can be stopped as a whole, approvals included, and can block the splitter.
    function test_StoppedTokenDefers() public {
        uint256 id = openDollar();
        dollar.setStopped(true);
        claim(id, 10e6);
        dollar.setStopped(false);
        dollar.setBlocked(address(splitter), true);
        skip(60);
        claim(id, 40e6);
        assertEq(manager.deferred(NODE, operator, address(dollar)), 40e6);
        vm.prank(operator);
        manager.complete(id, 40e6, "");
        vm.prank(user);
        manager.withdraw(address(dollar));
        dollar.setBlocked(address(splitter), false);
        manager.forwardDeferred(NODE, operator, address(dollar));
        assertSplit(address(dollar), 40e6);
    }

    function test_ForwardByOthersReverts() public {
        openDollar();
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotSelf.selector);
        manager.forward(NODE, operator, address(dollar), 1);
    }

    /// @dev A token that begins to take a fee later: the operator's side bears it, sums stay right.
    function test_FeeThatComesLater() public {
        FeeCoin coin = new FeeCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, DEPOSIT);
        vm.prank(user);
        coin.approve(address(manager), DEPOSIT);
        uint256 id = open(termsIn(address(coin)));
        coin.setFee(1_000);
        claim(id, 50e6);
        assertEq(coin.balanceOf(address(splitter)), 45e6);
        assertEq(splitter.liabilities(address(coin)), 45e6);
        assertEq(splitter.pending(operator, address(coin)), 36e6);
        assertEq(coin.balanceOf(address(manager)), manager.liabilities(address(coin)));
    }

    /// @dev Gifts are nobody's, and change nothing.
    function test_GiftsChangeNothing() public {
        openDollar();
        dollar.mint(address(manager), 5e6);
        vm.deal(address(manager), 1 ether);
        assertEq(manager.liabilities(address(dollar)), DEPOSIT);
        assertEq(manager.liabilities(ETH), 0);
        openDollar();
        assertEq(manager.liabilities(address(dollar)), 2 * DEPOSIT);
    }
}
