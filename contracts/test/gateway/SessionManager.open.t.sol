// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICommittee} from "../../src/interfaces/ICommittee.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {FalseCoin, FeeCoin, MuteCoin} from "../mocks/tokens/OddCoins.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerOpenTest is SessionTest {
    function test_ConstructorWantsCode() public {
        IParameterRegistry p = IParameterRegistry(address(parameters));
        INodeRegistry r = INodeRegistry(address(registry));
        ICommittee c = ICommittee(address(committee));
        bytes memory refusal =
            abi.encodeWithSelector(ISessionManager.SessionManagerInvalidCollaborator.selector, address(0));
        vm.expectRevert(refusal);
        new SessionManager(IParameterRegistry(address(0)), r, c, splitter);
        vm.expectRevert(refusal);
        new SessionManager(p, INodeRegistry(address(0)), c, splitter);
        vm.expectRevert(refusal);
        new SessionManager(p, r, ICommittee(address(0)), splitter);
        vm.expectRevert(refusal);
        new SessionManager(p, r, c, IPaymentSplitter(address(0)));
    }

    function test_OpenWithEth() public {
        uint256 id = openEth();
        assertEq(id, 1);
        assertEq(manager.sessionCount(), 1);
        ISessionManager.Session memory s = manager.session(id);
        assertEq(s.user, user);
        assertEq(s.signer, user, "signs for itself");
        assertEq(s.operator, operator);
        assertEq(s.node, NODE);
        assertEq(s.account, bytes20(0));
        assertEq(s.token, ETH);
        assertEq(s.deposit, DEPOSIT);
        assertEq(uint256(s.signed) + s.claimed + s.epoch + s.bond + s.settledAt + s.closedAt, 0);
        assertEq(s.expiresAt, vm.getBlockTimestamp() + 1 days);
        assertEq(s.settleInterval, 60);
        assertEq(s.claimPeriod, 3 days);
        assertEq(s.disputePeriod, 7 days);
        assertState(id, ISessionManager.State.Active);
        assertEq(manager.settleableUntil(id), vm.getBlockTimestamp() + 4 days);
        assertEq(manager.liabilities(ETH), DEPOSIT);
        assertSolvent(ETH);
    }

    function test_OpenWithToken() public {
        uint256 id = openDollar();
        assertEq(manager.session(id).token, address(dollar));
        assertEq(dollar.balanceOf(address(manager)), DEPOSIT);
        assertEq(manager.liabilities(address(dollar)), DEPOSIT);
        assertEq(splitter.tokens()[0], address(dollar), "has a place at the splitter");
    }

    function test_OpenEmits() public {
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionOpened(1, user, NODE, user, terms);
        open(terms);
    }

    function test_OpenForSomebodyElse() public {
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.signer = stranger;
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionOpened(1, user, NODE, stranger, terms);
        vm.prank(stranger);
        uint256 id = manager.openFor(user, terms);
        assertEq(manager.session(id).user, user);
        assertEq(manager.session(id).signer, stranger);
        assertEq(dollar.balanceOf(stranger), 1_000_000e6 - DEPOSIT, "the payer paid");
    }

    function test_OpenForNobodyReverts() public {
        vm.expectRevert(ISessionManager.SessionManagerInvalidUser.selector);
        manager.openFor(address(0), termsIn(ETH));
    }

    function test_OpenRoamingHasNoOperator() public {
        uint256 id = openRoaming();
        assertEq(manager.session(id).operator, address(0));
        assertEq(manager.session(id).account, ACCOUNT);
    }

    function test_OpenWithoutNodeNeedsAccount() public {
        ISessionManager.Terms memory terms = termsIn(ETH);
        terms.node = bytes20(0);
        vm.expectRevert(
            abi.encodeWithSelector(ISessionManager.SessionManagerNodeNotInStanding.selector, bytes20(0))
        );
        open(terms);
    }

    function test_OpenWhilePausedReverts() public {
        parameters.setPaused(true);
        vm.expectRevert(ISessionManager.SessionManagerPaused.selector);
        openEth();
        parameters.setPaused(false);
        openEth();
    }

    function test_OpenWithUnknownTokenReverts() public {
        parameters.setAccepted(address(dollar), false);
        vm.expectRevert(
            abi.encodeWithSelector(ISessionManager.SessionManagerTokenNotAccepted.selector, address(dollar))
        );
        openDollar();
        parameters.setAccepted(ETH, false);
        vm.expectRevert(abi.encodeWithSelector(ISessionManager.SessionManagerTokenNotAccepted.selector, ETH));
        openEth();
    }

    /// @dev A token that the splitter could never take must not come in.
    function test_OpenWithoutPlaceAtSplitterReverts() public {
        for (uint256 i = 0; i < splitter.MAX_TOKENS(); ++i) {
            address token = address(uint160(0x70c000 + i));
            parameters.setAccepted(token, true);
            splitter.addToken(token);
        }
        vm.expectRevert(IPaymentSplitter.PaymentSplitterTooManyTokens.selector);
        openDollar();
    }

    function test_OpenOnNodeOutOfStandingReverts() public {
        bytes memory refusal =
            abi.encodeWithSelector(ISessionManager.SessionManagerNodeNotInStanding.selector, NODE);
        registry.setStanding(NODE, false, true, false);
        vm.expectRevert(refusal);
        openEth();
        registry.setStanding(NODE, true, false, false);
        vm.expectRevert(refusal);
        openEth();
        registry.setStanding(NODE, true, true, true);
        vm.expectRevert(refusal);
        openEth();
        registry.setStanding(NODE, true, true, false);
        openEth();
    }

    function test_OpenWithNothingReverts() public {
        ISessionManager.Terms memory terms = termsIn(ETH);
        terms.amount = 0;
        vm.expectRevert(ISessionManager.SessionManagerInvalidAmount.selector);
        open(terms);
    }

    function test_OpenWithWrongValueReverts() public {
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerWrongValue.selector);
        manager.open{value: DEPOSIT - 1}(termsIn(ETH));
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerWrongValue.selector);
        manager.open{value: DEPOSIT + 1}(termsIn(ETH));
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerWrongValue.selector);
        manager.open{value: 1}(termsIn(address(dollar)));
    }

    function test_OpenDurationBounds() public {
        ISessionManager.Terms memory terms = termsIn(ETH);
        terms.duration = uint32(manager.MIN_DURATION()) - 1;
        vm.expectRevert(ISessionManager.SessionManagerInvalidDuration.selector);
        open(terms);
        terms.duration = 30 days + 1;
        vm.expectRevert(ISessionManager.SessionManagerInvalidDuration.selector);
        open(terms);
        terms.duration = uint32(manager.MIN_DURATION());
        open(terms);
        terms.duration = 30 days;
        open(terms);
    }

    function test_OpenNeverSettlesFasterThanEveryMinute() public {
        parameters.set(ParameterKeys.SESSION_SETTLE_INTERVAL, 5);
        assertEq(manager.session(openEth()).settleInterval, manager.MIN_SETTLE_INTERVAL());
        parameters.set(ParameterKeys.SESSION_SETTLE_INTERVAL, 600);
        assertEq(manager.session(openEth()).settleInterval, 600);
    }

    /// @dev What was governed at the opening stays.
    function test_OpenFixesTheTerms() public {
        uint256 id = openEth();
        parameters.set(ParameterKeys.SESSION_SETTLE_INTERVAL, 1 days);
        parameters.set(ParameterKeys.SESSION_CLAIM_PERIOD, 1 hours);
        parameters.set(ParameterKeys.SESSION_DISPUTE_PERIOD, 1 hours);
        ISessionManager.Session memory s = manager.session(id);
        assertEq(s.settleInterval, 60);
        assertEq(s.claimPeriod, 3 days);
        assertEq(s.disputePeriod, 7 days);
    }

    function test_OpenWithFeeCoin() public {
        FeeCoin coin = new FeeCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, DEPOSIT * 2);
        vm.prank(user);
        coin.approve(address(manager), type(uint256).max);
        coin.setFee(100);
        vm.expectRevert(
            abi.encodeWithSelector(ISessionManager.SessionManagerTokenTakesFee.selector, address(coin))
        );
        open(termsIn(address(coin)));
        coin.setFee(0);
        open(termsIn(address(coin)));
        assertEq(coin.balanceOf(address(manager)), DEPOSIT);
    }

    function test_OpenWithFalseCoin() public {
        FalseCoin coin = new FalseCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, DEPOSIT);
        vm.prank(user);
        coin.approve(address(manager), type(uint256).max);
        coin.setFailing(true);
        vm.expectPartialRevert(bytes4(keccak256("SafeERC20FailedOperation(address)")));
        open(termsIn(address(coin)));
        coin.setFailing(false);
        open(termsIn(address(coin)));
    }

    function test_OpenWithMuteCoin() public {
        MuteCoin coin = new MuteCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, DEPOSIT);
        vm.prank(user);
        coin.approve(address(manager), DEPOSIT);
        uint256 id = open(termsIn(address(coin)));
        assertEq(coin.balanceOf(address(manager)), DEPOSIT);
        claim(id, 50e6);
        assertEq(coin.balanceOf(address(splitter)), 50e6, "claims work with an allowance of its kind");
        assertEq(coin.allowance(address(manager), address(splitter)), 0, "and leave none");
    }

    function test_OpenWithoutAllowanceReverts() public {
        vm.prank(user);
        dollar.approve(address(manager), DEPOSIT - 1);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        openDollar();
    }

    function test_UnknownSessionReverts() public {
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.session(1);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.settleableUntil(1);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.receiptDigest(1, 1);
        openEth();
        manager.session(1);
    }

    function test_PlainEthIsRefused() public {
        vm.prank(user);
        (bool sent,) = address(manager).call{value: 1}("");
        assertFalse(sent);
        vm.prank(user);
        (sent,) = address(splitter).call{value: 1}("");
        assertFalse(sent);
    }

    function testFuzz_Open(uint128 amount, uint32 duration, bool inEth) public {
        amount = uint128(bound(amount, 1, 1_000_000e6));
        duration = uint32(bound(duration, 10 minutes, 30 days));
        ISessionManager.Terms memory terms = termsIn(inEth ? ETH : address(dollar));
        (terms.amount, terms.duration) = (amount, duration);
        uint256 id = open(terms);
        assertEq(manager.session(id).deposit, amount);
        assertEq(manager.session(id).expiresAt, vm.getBlockTimestamp() + duration);
        assertSolvent(terms.token);
    }
}
