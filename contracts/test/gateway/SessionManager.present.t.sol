// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerPresentTest is SessionTest {
    function test_PresentRecordsWithoutPaying() public {
        uint256 id = openDollar();
        bytes memory signed = receipt(id, 40e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.ReceiptPresented(id, 40e6);
        vm.prank(operator);
        manager.present(id, 40e6, signed);
        assertEq(manager.session(id).signed, 40e6);
        assertEq(manager.session(id).claimed, 0);
        assertEq(dollar.balanceOf(address(splitter)), 0);
    }

    function test_PresentIsNotASettlement() public {
        uint256 id = openDollar();
        claim(id, 10e6);
        present(id, 20e6);
        present(id, 30e6);
        assertEq(manager.session(id).signed, 30e6);
    }

    function test_PresentBySettler() public {
        uint256 id = openDollar();
        presentRefused(stranger, id, 40e6, ISessionManager.SessionManagerNotOperator.selector);
        vm.prank(operator);
        manager.setSettler(stranger, true);
        presentAs(stranger, id, 40e6);
    }

    function test_PresentTwiceReverts() public {
        uint256 id = openDollar();
        present(id, 40e6);
        presentRefused(operator, id, 40e6, ISessionManager.SessionManagerStaleReceipt.selector);
    }

    function test_PresentOlderReverts() public {
        uint256 id = openDollar();
        present(id, 40e6);
        presentRefused(operator, id, 39e6, ISessionManager.SessionManagerStaleReceipt.selector);
    }

    function test_PresentInvalidReverts() public {
        uint256 id = openDollar();
        bytes memory signed = receipt(id, 40e6);
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerInvalidReceipt.selector);
        manager.present(id, 41e6, signed);
    }

    function test_PresentForAttestedReverts() public {
        uint256 id = openAttested();
        presentRefused(operator, id, 40e6, ISessionManager.SessionManagerNotByReceipt.selector);
    }

    function test_PresentUnknownReverts() public {
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.present(1, 1, "");
    }

    function test_PresentWhileDisputedUntilItsEnd() public {
        uint256 id = openDollar();
        disputeAs(user, id);
        skip(7 days - 1);
        present(id, 40e6);
        skip(1);
        presentRefused(operator, id, 50e6, ISessionManager.SessionManagerNotSettleable.selector);
        manager.resolveTimedOut(id);
        assertSplit(address(dollar), 40e6);
    }

    function test_PresentAfterTheClaimPeriodReverts() public {
        uint256 id = openDollar();
        close(id);
        skip(3 days - 1);
        present(id, 40e6);
        skip(1);
        presentRefused(operator, id, 50e6, ISessionManager.SessionManagerNotSettleable.selector);
        manager.finalize(id);
        assertSplit(address(dollar), 40e6);
        presentRefused(operator, id, 50e6, ISessionManager.SessionManagerNotSettleable.selector);
    }
}
