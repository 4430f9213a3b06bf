// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {ReentrantReceiver} from "../mocks/receivers/Receivers.sol";
import {HookCoin} from "../mocks/tokens/HookCoin.sol";
import {SessionTest} from "./SessionTest.sol";

/// @notice Tokens, ETH receivers and card receivers that call back at the worst moment.
contract GatewayReentrancyTest is SessionTest {
    HookCoin private coin;
    ReentrantReceiver private receiver;
    TestMemes private cards;

    function setUp() public override {
        super.setUp();
        coin = new HookCoin();
        receiver = new ReentrantReceiver();
        cards = new TestMemes();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, 100_000e6);
        vm.prank(user);
        coin.approve(address(manager), type(uint256).max);
        vm.prank(user);
        coin.approve(address(splitter), type(uint256).max);
    }

    /// @dev Every function of the manager that changes anything but a caller's own settlers.
    function managerCalls() private view returns (bytes[] memory calls) {
        ISessionManager.Terms memory terms = termsIn(address(coin));
        ISessionManager.Permit memory permit;
        ISessionManager.Votes memory none;
        ISessionManager.Resolution memory decision;
        calls = new bytes[](19);
        calls[0] = abi.encodeCall(ISessionManager.open, (terms));
        calls[1] = abi.encodeCall(ISessionManager.openFor, (user, terms));
        calls[2] = abi.encodeCall(ISessionManager.openWithPermit, (terms, permit));
        calls[3] = abi.encodeCall(ISessionManager.topUp, (1, 1));
        calls[4] = abi.encodeCall(ISessionManager.topUpWithPermit, (1, 1, permit));
        calls[5] = abi.encodeCall(ISessionManager.extend, (1, 2 days));
        calls[6] = abi.encodeCall(ISessionManager.claim, (1, 1, ""));
        calls[7] = abi.encodeCall(ISessionManager.claimBatch, (new ISessionManager.Claim[](1)));
        calls[8] = abi.encodeCall(ISessionManager.present, (1, 1, ""));
        calls[9] = abi.encodeCall(ISessionManager.settleUsage, (new ISessionManager.Usage[](1), 1, none));
        calls[10] = abi.encodeCall(ISessionManager.complete, (1, 1, ""));
        calls[11] = abi.encodeCall(ISessionManager.close, (1));
        calls[12] = abi.encodeCall(ISessionManager.finalize, (1));
        calls[13] = abi.encodeCall(ISessionManager.dispute, (1, 0));
        calls[14] = abi.encodeCall(ISessionManager.resolve, (decision, none));
        calls[15] = abi.encodeCall(ISessionManager.resolveTimedOut, (1));
        calls[16] = abi.encodeCall(ISessionManager.withdraw, (ETH));
        calls[18] = abi.encodeCall(ISessionManager.withdrawTo, (ETH, stranger));
        calls[17] = abi.encodeCall(ISessionManager.forwardDeferred, (NODE, operator, ETH));
    }

    function assertGuarded(bool called, bool succeeded, bytes memory answer) private pure {
        assertTrue(called, "the attack took place");
        assertFalse(succeeded, "and was refused");
        assertEq(
            answer,
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "by the guard"
        );
    }

    function assertCoinSolvent() private view {
        assertEq(coin.balanceOf(address(manager)), manager.liabilities(address(coin)), "manager");
        assertEq(coin.balanceOf(address(splitter)), splitter.liabilities(address(coin)), "splitter");
    }

    function test_TokenReentersWhileDepositing() public {
        open(termsIn(address(coin)));
        bytes[] memory calls = managerCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            coin.hook(address(manager), calls[i]);
            open(termsIn(address(coin)));
            assertGuarded(coin.called(), coin.succeeded(), coin.answer());
            assertCoinSolvent();
        }
    }

    function test_TokenReentersWhileClaiming() public {
        uint256 id = open(termsIn(address(coin)));
        bytes[] memory calls = managerCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            coin.hook(address(manager), calls[i]);
            claim(id, (i + 1) * 1e6);
            assertGuarded(coin.called(), coin.succeeded(), coin.answer());
            assertEq(manager.session(id).claimed, (i + 1) * 1e6, "paid all the same");
            assertCoinSolvent();
            skip(60);
        }
    }

    function test_TokenReentersWhileWithdrawing() public {
        bytes[] memory calls = managerCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            coin.hook(address(0), "");
            uint256 id = open(termsIn(address(coin)));
            vm.prank(operator);
            manager.complete(id, 0, "");
            coin.hook(address(manager), calls[i]);
            vm.prank(user);
            manager.withdraw(address(coin));
            assertGuarded(coin.called(), coin.succeeded(), coin.answer());
            assertCoinSolvent();
        }
    }

    function test_TokenReentersTheSplitter() public {
        bytes[3] memory calls = [
            abi.encodeCall(IPaymentSplitter.split, (NODE, operator, address(coin), 1)),
            abi.encodeCall(IPaymentSplitter.withdraw, (address(coin))),
            abi.encodeCall(IPaymentSplitter.withdrawTo, (address(coin), stranger))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            coin.hook(address(splitter), calls[i]);
            vm.prank(user);
            splitter.split(NODE, operator, address(coin), 10e6);
            assertGuarded(coin.called(), coin.succeeded(), coin.answer());
            coin.hook(address(splitter), calls[i]);
            vm.prank(operator);
            splitter.withdraw(address(coin));
            assertGuarded(coin.called(), coin.succeeded(), coin.answer());
            assertCoinSolvent();
        }
        coin.hook(address(splitter), abi.encodeCall(IPaymentSplitter.collectTreasury, (address(coin))));
        vm.prank(user);
        splitter.split(NODE, operator, address(coin), 10e6);
        assertGuarded(coin.called(), coin.succeeded(), coin.answer());
    }

    /// @dev Harvest and sync may be called in the middle of a payment: they move claims, not money.
    function test_TokenHarvestsInTheMiddle() public {
        registry.setWeight(STAKER_NODE, 0);
        registry.setWeight(NODE, 1 << 70);
        vm.prank(user);
        splitter.split(NODE, operator, address(coin), 100e6);
        coin.hook(address(splitter), abi.encodeCall(IPaymentSplitter.harvest, (NODE, address(coin))));
        vm.prank(user);
        splitter.split(NODE, operator, address(coin), 100e6);
        assertTrue(coin.succeeded());
        assertEq(splitter.pending(operator, address(coin)), 80e6 + 10e6 + 80e6);
        assertEq(splitter.rewardOf(NODE, address(coin)), 10e6);
        assertCoinSolvent();
    }

    // ------------------------------------------------------------------ receivers of ETH

    function test_ReceiverReentersTheManager() public {
        bytes[] memory calls = managerCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            ISessionManager.Terms memory terms = termsIn(ETH);
            terms.signer = user;
            vm.prank(user);
            uint256 id = manager.openFor{value: DEPOSIT}(address(receiver), terms);
            vm.prank(operator);
            manager.complete(id, 0, "");
            receiver.arm(address(manager), calls[i]);
            receiver.act(address(manager), 0, abi.encodeCall(ISessionManager.withdraw, (ETH)));
            assertGuarded(receiver.calls() == i + 1, receiver.succeeded(), receiver.answer());
            assertEq(address(receiver).balance, (i + 1) * DEPOSIT, "once each");
        }
        assertSolvent(ETH);
    }

    function test_ReceiverReentersTheSplitter() public {
        vm.prank(user);
        splitter.split{value: 1_000}(NODE, address(receiver), ETH, 1_000);
        receiver.arm(address(splitter), abi.encodeCall(IPaymentSplitter.withdraw, (ETH)));
        receiver.act(address(splitter), 0, abi.encodeCall(IPaymentSplitter.withdraw, (ETH)));
        assertGuarded(receiver.calls() == 1, receiver.succeeded(), receiver.answer());
        assertEq(address(receiver).balance, 800);
        assertSolvent(ETH);
    }

    /// @dev A report of weight must get through also from within a withdrawal: were it suppressed, an operator could
    /// leave the registry there and go on earning.
    function test_ReportFromWithinAWithdrawalIsHeard() public {
        registry.setOperator(NODE, address(receiver));
        registry.setWeight(STAKER_NODE, 0);
        registry.setWeight(NODE, 1 << 70);
        vm.prank(user);
        splitter.split{value: 1_000}(NODE, address(receiver), ETH, 1_000);
        receiver.arm(address(registry), abi.encodeCall(registry.setWeight, (NODE, 0)));
        receiver.act(address(splitter), 0, abi.encodeCall(IPaymentSplitter.withdraw, (ETH)));
        assertTrue(receiver.succeeded());
        assertEq(splitter.totalWeight(), 0);
        assertEq(splitter.harvest(NODE, ETH), 100, "what it had earned is kept");
        assertSolvent(ETH);
    }

    // ------------------------------------------------------------------ receivers of cards

    /// @dev A card changes hands in the middle of a deposit, and its receiver calls back.
    function test_CardReceiverReenters() public {
        open(termsIn(address(coin)));
        cards.transferOwnership(address(coin));
        bytes[] memory calls = managerCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            receiver.arm(address(manager), calls[i]);
            coin.hook(address(cards), abi.encodeCall(TestMemes.mint, (address(receiver), i, 1)));
            open(termsIn(address(coin)));
            assertTrue(coin.succeeded(), "the card arrived");
            assertGuarded(receiver.calls() == i + 1, receiver.succeeded(), receiver.answer());
        }
        assertCoinSolvent();
    }

    /// @dev A card sent here would be lost: neither contract takes one.
    function test_CardsAreRefused() public {
        vm.expectPartialRevert(bytes4(keccak256("ERC1155InvalidReceiver(address)")));
        cards.mint(address(manager), 1, 1);
        vm.expectPartialRevert(bytes4(keccak256("ERC1155InvalidReceiver(address)")));
        cards.mint(address(splitter), 1, 1);
        cards.mint(address(receiver), 1, 1);
    }
}
