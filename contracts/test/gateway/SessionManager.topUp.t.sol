// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerTopUpTest is SessionTest {
    function test_TopUpWithEth() public {
        uint256 id = openEth();
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionToppedUp(id, user, 5, DEPOSIT + 5);
        vm.prank(user);
        manager.topUp{value: 5}(id, 5);
        assertEq(manager.session(id).deposit, DEPOSIT + 5);
        assertSolvent(ETH);
    }

    function test_TopUpByAnyoneIsTheUsersMoney() public {
        uint256 id = openDollar();
        vm.prank(stranger);
        manager.topUp(id, 7e6);
        assertEq(manager.session(id).deposit, DEPOSIT + 7e6);
        close(id);
        skip(3 days);
        manager.finalize(id);
        assertEq(manager.credit(user, address(dollar)), DEPOSIT + 7e6);
        assertSolvent(address(dollar));
    }

    /// @dev A receipt over more than the deposit counts for more after a top-up, when shown again.
    function test_TopUpLetsAnOldReceiptCount() public {
        uint256 id = openDollar();
        claim(id, DEPOSIT + 5e6);
        assertEq(manager.session(id).claimed, DEPOSIT);
        vm.prank(user);
        manager.topUp(id, 8e6);
        skip(60);
        claim(id, DEPOSIT + 5e6);
        assertEq(manager.session(id).claimed, DEPOSIT + 5e6);
    }

    function test_TopUpWithNothingReverts() public {
        uint256 id = openEth();
        vm.expectRevert(ISessionManager.SessionManagerInvalidAmount.selector);
        manager.topUp(id, 0);
    }

    function test_TopUpAboveTheLimitReverts() public {
        uint256 id = openDollar();
        uint128 room = type(uint128).max - DEPOSIT;
        dollar.mint(stranger, room);
        vm.prank(stranger);
        vm.expectRevert(ISessionManager.SessionManagerInvalidAmount.selector);
        manager.topUp(id, room + 1);
        vm.prank(stranger);
        manager.topUp(id, room);
        assertEq(manager.session(id).deposit, type(uint128).max);
    }

    function test_TopUpWithWrongValueReverts() public {
        uint256 inEth = openEth();
        uint256 inDollar = openDollar();
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerWrongValue.selector);
        manager.topUp{value: 4}(inEth, 5);
        vm.expectRevert(ISessionManager.SessionManagerWrongValue.selector);
        manager.topUp{value: 1}(inDollar, 5);
    }

    function test_TopUpWhilePausedReverts() public {
        uint256 id = openEth();
        parameters.setPaused(true);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerPaused.selector);
        manager.topUp{value: 5}(id, 5);
    }

    function test_TopUpInDelistedTokenReverts() public {
        uint256 id = openDollar();
        parameters.setAccepted(address(dollar), false);
        vm.prank(user);
        vm.expectRevert(
            abi.encodeWithSelector(ISessionManager.SessionManagerTokenNotAccepted.selector, address(dollar))
        );
        manager.topUp(id, 5);
    }

    function test_TopUpOfUnknownSessionReverts() public {
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.topUp(1, 5);
    }

    function test_TopUpAfterExpiryReverts() public {
        uint256 id = openDollar();
        skip(1 days - 1);
        vm.prank(user);
        manager.topUp(id, 1);
        skip(1);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.topUp(id, 1);
    }

    function test_TopUpWhenNotActiveReverts() public {
        uint256 id = openDollar();
        close(id);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.topUp(id, 1);
        uint256 disputed = openDollar();
        disputeAs(user, disputed);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.topUp(disputed, 1);
    }
}

contract SessionManagerExtendTest is SessionTest {
    function test_Extend() public {
        uint256 id = openEth();
        uint256 expiresAt = vm.getBlockTimestamp() + 2 days;
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionExtended(id, expiresAt);
        vm.prank(user);
        manager.extend(id, 2 days);
        assertEq(manager.session(id).expiresAt, expiresAt);
        assertEq(manager.settleableUntil(id), expiresAt + 3 days);
    }

    function test_ExtendBounds() public {
        uint256 id = openEth();
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerInvalidDuration.selector);
        manager.extend(id, 1 days);
        vm.expectRevert(ISessionManager.SessionManagerInvalidDuration.selector);
        manager.extend(id, 30 days + 1);
        manager.extend(id, 1 days + 1);
        manager.extend(id, 30 days);
    }

    function test_ExtendByOthersReverts() public {
        uint256 id = openEth();
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerNotUser.selector);
        manager.extend(id, 2 days);
    }

    function test_ExtendWhilePausedReverts() public {
        uint256 id = openEth();
        parameters.setPaused(true);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerPaused.selector);
        manager.extend(id, 2 days);
    }

    function test_ExtendAfterEndReverts() public {
        uint256 id = openEth();
        skip(1 days);
        vm.startPrank(user);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.extend(id, 2 days);
        manager.close(id);
        vm.expectRevert(ISessionManager.SessionManagerNotActive.selector);
        manager.extend(id, 2 days);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.extend(77, 2 days);
    }

    /// @dev The exploit: the seller of a node was paid on, as sessions were extended and topped up for ever.
    function test_A9_notAfterTheNodeHasChangedHands() public {
        uint256 id = openDollar();
        uint256 roaming = openRoaming();
        registry.setOperator(NODE, otherOperator);
        bytes memory refusal =
            abi.encodeWithSelector(ISessionManager.SessionManagerOperatorChanged.selector, otherOperator);
        vm.startPrank(user);
        vm.expectRevert(refusal);
        manager.extend(id, 30 days);
        vm.expectRevert(refusal);
        manager.topUp(id, 10e6);
        ISessionManager.Permit memory permit;
        vm.expectRevert(refusal);
        manager.topUpWithPermit(id, 10e6, permit);
        manager.extend(roaming, 30 days);
        manager.topUp(roaming, 10e6);
        vm.stopPrank();
        // What was deposited before is settled as agreed.
        claim(id, 50e6);
        assertEq(splitter.pending(operator, address(dollar)), 40e6);
    }

    function test_A9_aChangeOfTheKeyIsNone() public {
        uint256 id = openDollar();
        registry.changeKey(NODE, bytes20("new key"));
        vm.startPrank(user);
        manager.extend(id, 30 days);
        manager.topUp(id, 10e6);
    }
}
