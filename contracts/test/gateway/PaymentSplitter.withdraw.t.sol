// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
import {BombReceiver, RefusingReceiver} from "../mocks/receivers/Receivers.sol";
import {SplitterTest} from "./SplitterTest.sol";

contract PaymentSplitterWithdrawTest is SplitterTest {
    function test_WithdrawEth() public {
        pay(ETH, 100);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.Withdrawn(operator, ETH, operator, 80);
        vm.prank(operator);
        splitter.withdraw(ETH);
        assertEq(operator.balance, 80);
        assertEq(splitter.pending(operator, ETH), 0);
        assertEq(splitter.liabilities(ETH), 20);
        assertSolvent(ETH);
    }

    function test_WithdrawTokenTo() public {
        pay(address(dollar), 100);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.Withdrawn(operator, address(dollar), stranger, 80);
        vm.prank(operator);
        splitter.withdrawTo(address(dollar), stranger);
        assertEq(dollar.balanceOf(stranger), 80);
        assertSolvent(address(dollar));
    }

    function test_WithdrawNothingReverts() public {
        pay(ETH, 100);
        vm.prank(stranger);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterNothingPending.selector);
        splitter.withdraw(ETH);
        vm.startPrank(operator);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterNothingPending.selector);
        splitter.withdraw(address(dollar));
        splitter.withdraw(ETH);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterNothingPending.selector);
        splitter.withdraw(ETH);
    }

    function test_WithdrawToNobodyReverts() public {
        pay(ETH, 100);
        vm.prank(operator);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidReceiver.selector);
        splitter.withdrawTo(ETH, address(0));
    }

    function test_CollectTreasuryByAnyone() public {
        pay(ETH, 100);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.Withdrawn(treasury, ETH, treasury, 20);
        vm.prank(stranger);
        splitter.collectTreasury(ETH);
        assertEq(treasury.balance, 20);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterNothingPending.selector);
        splitter.collectTreasury(ETH);
    }

    /// @dev The exploit: what was not collected before a change of the treasury stayed with the old address.
    function test_A10_theNextTreasuryCollectsEverything() public {
        pay(ETH, 100);
        parameters.setTreasury(stranger);
        pay(ETH, 100);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.Withdrawn(stranger, ETH, stranger, 40);
        splitter.collectTreasury(ETH);
        assertEq(stranger.balance, 40);
        vm.prank(treasury);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterNothingPending.selector);
        splitter.withdraw(ETH);
        assertSolvent(ETH);
    }

    function test_RefusingReceiverBlocksOnlyItself() public {
        RefusingReceiver receiver = new RefusingReceiver();
        parameters.setTreasury(address(receiver));
        vm.prank(payer);
        splitter.split{value: 100}(NODE, address(receiver), ETH, 100);
        pay(ETH, 100);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterTransferFailed.selector);
        splitter.collectTreasury(ETH);
        vm.prank(operator);
        splitter.withdraw(ETH);
        receiver.act(address(splitter), 0, abi.encodeCall(IPaymentSplitter.withdrawTo, (ETH, stranger)));
        assertEq(stranger.balance, 80);
        assertSolvent(ETH);
    }

    function test_BombReceiver() public {
        BombReceiver receiver = new BombReceiver();
        vm.prank(payer);
        splitter.split{value: 100}(NODE, address(receiver), ETH, 100);
        receiver.act(address(splitter), 0, abi.encodeCall(IPaymentSplitter.withdraw, (ETH)));
        assertEq(address(receiver).balance, 80);
    }

    function test_WithdrawWhilePausedAndDelisted() public {
        pay(address(dollar), 100);
        parameters.setPaused(true);
        parameters.setBroken(true);
        parameters.setAccepted(address(dollar), false);
        vm.prank(operator);
        splitter.withdraw(address(dollar));
        assertEq(dollar.balanceOf(operator), 80);
    }
}
