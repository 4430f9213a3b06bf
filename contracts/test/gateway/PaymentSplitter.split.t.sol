// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {FalseCoin, FeeCoin, MuteCoin} from "../mocks/tokens/OddCoins.sol";
import {SplitterTest} from "./SplitterTest.sol";

contract PaymentSplitterSplitTest is SplitterTest {
    function setUp() public override {
        super.setUp();
        registry.setWeight(OTHER_NODE, 1 << 70);
    }

    function test_ConstructorWantsCode() public {
        IParameterRegistry p = IParameterRegistry(address(parameters));
        INodeRegistry r = INodeRegistry(address(registry));
        bytes memory refusal =
            abi.encodeWithSelector(IPaymentSplitter.PaymentSplitterInvalidCollaborator.selector, stranger);
        vm.expectRevert(refusal);
        new PaymentSplitter(IParameterRegistry(stranger), r);
        vm.expectRevert(refusal);
        new PaymentSplitter(p, INodeRegistry(stranger));
    }

    function test_SplitEth() public {
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.PaymentSplit(NODE, operator, ETH, 80, 10, 10);
        pay(ETH, 100);
        assertEq(splitter.pending(operator, ETH), 80);
        assertEq(splitter.treasuryPending(ETH), 10);
        assertEq(splitter.stakerPool(ETH), 10);
        assertSolvent(ETH);
    }

    function test_SplitToken() public {
        pay(address(dollar), 100e6);
        assertEq(splitter.pending(operator, address(dollar)), 80e6);
        assertEq(splitter.treasuryPending(address(dollar)), 10e6);
        assertEq(splitter.stakerPool(address(dollar)), 10e6);
        assertSolvent(address(dollar));
    }

    /// @dev What rounding leaves is the operator's.
    function test_SplitLosesNoDust() public {
        pay(ETH, 1);
        assertEq(splitter.pending(operator, ETH), 1);
        pay(ETH, 19);
        assertEq(splitter.pending(operator, ETH), 1 + 17);
        assertEq(splitter.treasuryPending(ETH), 1);
        assertEq(splitter.stakerPool(ETH), 1);
        assertSolvent(ETH);
    }

    function test_SplitByGovernedShares() public {
        parameters.setShares(5_000, 2_000, 3_000);
        pay(ETH, 1_000);
        assertEq(splitter.pending(operator, ETH), 500);
        assertEq(splitter.treasuryPending(ETH), 200);
        assertEq(splitter.stakerPool(ETH), 300);
        parameters.setShares(10_000, 0, 0);
        pay(ETH, 1_000);
        assertEq(splitter.pending(operator, ETH), 1_500);
        assertSolvent(ETH);
    }

    function test_PayTreasury() public {
        vm.startPrank(payer);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidAmount.selector);
        splitter.payTreasury();
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.TreasuryPaid(payer, 5);
        splitter.payTreasury{value: 5}();
        assertEq(splitter.treasuryPending(ETH), 5);
        assertSolvent(ETH);
    }

    function test_SplitWithoutOperatorReverts() public {
        vm.prank(payer);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidOperator.selector);
        splitter.split{value: 1}(NODE, address(0), ETH, 1);
    }

    function test_SplitWithWrongValueReverts() public {
        vm.startPrank(payer);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterWrongValue.selector);
        splitter.split{value: 99}(NODE, operator, ETH, 100);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterWrongValue.selector);
        splitter.split{value: 101}(NODE, operator, ETH, 100);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterWrongValue.selector);
        splitter.split{value: 1}(NODE, operator, address(dollar), 100);
    }

    function test_SplitOfNothingReverts() public {
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidAmount.selector);
        pay(ETH, 0);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidAmount.selector);
        pay(address(dollar), 0);
    }

    function test_SplitOfTooMuchReverts() public {
        dollar.mint(payer, 1);
        uint256 limit = type(uint128).max;
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidAmount.selector);
        pay(address(dollar), limit + 1);
        pay(address(dollar), limit);
        assertSolvent(address(dollar));
    }

    /// @dev The pool's bound is what keeps every product within 256 bits.
    function test_PoolAboveTheLimitReverts() public {
        uint256 limit = type(uint128).max;
        parameters.setShares(0, 0, 10_000);
        pay(address(dollar), limit);
        dollar.mint(payer, 1);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidAmount.selector);
        pay(address(dollar), 1);
    }

    function test_SplitOfUnknownTokenReverts() public {
        parameters.setAccepted(address(dollar), false);
        bytes memory refusal = abi.encodeWithSelector(
            IPaymentSplitter.PaymentSplitterTokenNotAccepted.selector, address(dollar)
        );
        vm.expectRevert(refusal);
        pay(address(dollar), 100);
        vm.expectRevert(refusal);
        splitter.addToken(address(dollar));
    }

    /// @dev Once it has its place, a token's payments go on, so that nothing is trapped.
    function test_SplitOfDelistedToken() public {
        pay(address(dollar), 100);
        parameters.setAccepted(address(dollar), false);
        pay(address(dollar), 100);
        assertEq(splitter.pending(operator, address(dollar)), 160);
    }

    function test_AddToken() public {
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.TokenAdded(address(dollar));
        splitter.addToken(address(dollar));
        splitter.addToken(address(dollar));
        assertEq(splitter.tokens().length, 1);
        assertEq(splitter.tokens()[0], address(dollar));
    }

    function test_AddTooManyTokensReverts() public {
        for (uint256 i = 1; i <= splitter.MAX_TOKENS(); ++i) {
            address token = address(uint160(i));
            parameters.setAccepted(token, true);
            splitter.addToken(token);
        }
        vm.expectRevert(IPaymentSplitter.PaymentSplitterTooManyTokens.selector);
        splitter.addToken(address(dollar));
        splitter.addToken(address(1));
    }

    function test_SplitOfFeeCoinDividesWhatArrives() public {
        FeeCoin coin = new FeeCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(payer, 1_000);
        coin.setFee(1_000);
        vm.prank(payer);
        coin.approve(address(splitter), 1_000);
        pay(address(coin), 1_000);
        assertEq(splitter.liabilities(address(coin)), 900);
        assertEq(coin.balanceOf(address(splitter)), 900);
        assertEq(splitter.pending(operator, address(coin)), 720);
    }

    /// @dev A token of which nothing arrives.
    function test_SplitOfWhollyTaxedCoinReverts() public {
        FeeCoin coin = new FeeCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(payer, 1_000);
        coin.setFee(10_000);
        vm.prank(payer);
        coin.approve(address(splitter), 1_000);
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidAmount.selector);
        pay(address(coin), 1_000);
    }

    function test_SplitOfFalseCoinReverts() public {
        FalseCoin coin = new FalseCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(payer, 1_000);
        coin.setFailing(true);
        vm.prank(payer);
        coin.approve(address(splitter), 1_000);
        vm.expectPartialRevert(bytes4(keccak256("SafeERC20FailedOperation(address)")));
        pay(address(coin), 1_000);
    }

    function test_SplitOfMuteCoin() public {
        MuteCoin coin = new MuteCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(payer, 1_000);
        vm.prank(payer);
        coin.approve(address(splitter), 1_000);
        pay(address(coin), 1_000);
        vm.prank(operator);
        splitter.withdraw(address(coin));
        assertEq(coin.balanceOf(operator), 800);
    }

    function testFuzz_SharesSum(uint128 amount, uint16 treasuryBps, uint16 stakerBps) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        treasuryBps = uint16(bound(treasuryBps, 0, 10_000));
        stakerBps = uint16(bound(stakerBps, 0, 10_000 - treasuryBps));
        parameters.setShares(10_000 - treasuryBps - stakerBps, treasuryBps, stakerBps);
        pay(address(dollar), amount);
        uint256 toOperator = splitter.pending(operator, address(dollar));
        uint256 toTreasury = splitter.treasuryPending(address(dollar));
        uint256 toStakers = splitter.stakerPool(address(dollar));
        assertEq(toOperator + toTreasury + toStakers, amount);
        assertEq(toTreasury, uint256(amount) * treasuryBps / 10_000);
        assertEq(toStakers, uint256(amount) * stakerBps / 10_000);
        assertSolvent(address(dollar));
    }
}
