// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerClaimBatchTest is SessionTest {
    function item(uint256 id, uint256 amount) private view returns (ISessionManager.Claim memory) {
        return ISessionManager.Claim(id, amount, receipt(id, amount));
    }

    function one(ISessionManager.Claim memory claim_)
        private
        pure
        returns (ISessionManager.Claim[] memory c)
    {
        c = new ISessionManager.Claim[](1);
        c[0] = claim_;
    }

    function skipped(ISessionManager.Claim memory claim_, bytes4 reason) private {
        vm.expectEmit(address(manager));
        emit ISessionManager.SettlementSkipped(claim_.sessionId, reason);
        vm.prank(operator);
        assertEq(manager.claimBatch(one(claim_)), 0);
    }

    function batchOf(uint256 count) private returns (ISessionManager.Claim[] memory claims) {
        claims = new ISessionManager.Claim[](count);
        for (uint256 i = 0; i < count; ++i) {
            claims[i] = item(openDollar(), 1e6);
        }
    }

    function test_BatchOfHundred() public {
        ISessionManager.Claim[] memory claims = batchOf(100);
        vm.prank(operator);
        uint256 settled = manager.claimBatch(claims);
        vm.snapshotGasLastCall("SessionManager", "claimBatch of 100");
        assertEq(settled, 100);
        assertSplit(address(dollar), 100e6);
        assertSolvent(address(dollar));
        for (uint256 i = 0; i < claims.length; ++i) {
            assertEq(manager.session(claims[i].sessionId).claimed, 1e6);
        }
    }

    function test_BatchBounds() public {
        ISessionManager.Claim[] memory claims = batchOf(101);
        vm.startPrank(operator);
        vm.expectRevert(ISessionManager.SessionManagerInvalidBatch.selector);
        manager.claimBatch(claims);
        vm.expectRevert(ISessionManager.SessionManagerInvalidBatch.selector);
        manager.claimBatch(new ISessionManager.Claim[](0));
    }

    function test_BatchEmitsEachSettlement() public {
        ISessionManager.Claim[] memory claims = batchOf(2);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(1, NODE, operator, 1e6, 1e6);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(2, NODE, operator, 1e6, 1e6);
        vm.prank(operator);
        manager.claimBatch(claims);
    }

    /// @dev Each token and each node is paid on its own, in whatever order they come.
    function test_BatchOfSeveralTokensAndNodes() public {
        registry.register(OTHER_NODE, operator);
        ISessionManager.Terms memory elsewhere = termsIn(ETH);
        elsewhere.node = OTHER_NODE;
        ISessionManager.Claim[] memory claims = new ISessionManager.Claim[](4);
        claims[0] = item(openDollar(), 10e6);
        claims[1] = item(openEth(), 20e6);
        claims[2] = item(open(elsewhere), 30e6);
        claims[3] = item(openDollar(), 40e6);
        vm.prank(operator);
        assertEq(manager.claimBatch(claims), 4);
        assertSplit(address(dollar), 50e6);
        assertSplit(ETH, 50e6);
        assertSolvent(address(dollar));
        assertSolvent(ETH);
    }

    /// @dev One user closing in front of the batch takes nothing from the others.
    function test_BatchSkipsWhatCannotBeSettled() public {
        ISessionManager.Claim[] memory claims = batchOf(3);
        disputeAs(user, claims[1].sessionId);
        vm.expectEmit(address(manager));
        emit ISessionManager.SettlementSkipped(
            claims[1].sessionId, ISessionManager.SessionManagerNotSettleable.selector
        );
        vm.prank(operator);
        assertEq(manager.claimBatch(claims), 2);
        assertSplit(address(dollar), 2e6);
    }

    /// @dev The same session twice in one batch would be two settlements within a minute.
    function test_BatchSettlesASessionOnce() public {
        uint256 id = openDollar();
        ISessionManager.Claim[] memory claims = new ISessionManager.Claim[](2);
        (claims[0], claims[1]) = (item(id, 10e6), item(id, 20e6));
        vm.expectEmit(address(manager));
        emit ISessionManager.SettlementSkipped(id, ISessionManager.SessionManagerTooSoon.selector);
        vm.prank(operator);
        assertEq(manager.claimBatch(claims), 1);
        assertEq(manager.session(id).claimed, 10e6);
        assertEq(manager.session(id).signed, 10e6);
    }

    function test_BatchReasons() public {
        uint256 id = openDollar();
        skipped(ISessionManager.Claim(99, 1e6, ""), ISessionManager.SessionManagerUnknownSession.selector);
        skipped(ISessionManager.Claim(id, 1e6, "junk"), ISessionManager.SessionManagerInvalidReceipt.selector);
        skipped(ISessionManager.Claim(id, 0, ""), ISessionManager.SessionManagerNothingToClaim.selector);
        skipped(item(openAttested(), 1e6), ISessionManager.SessionManagerNotByReceipt.selector);
        skipped(item(openRoaming(), 1e6), ISessionManager.SessionManagerNotOperator.selector);
        claim(id, 10e6);
        skipped(item(id, 20e6), ISessionManager.SessionManagerTooSoon.selector);
        skip(60);
        skipped(item(id, 9e6), ISessionManager.SessionManagerStaleReceipt.selector);
        skip(5 days);
        skipped(item(id, 20e6), ISessionManager.SessionManagerNotSettleable.selector);
    }

    function test_BatchByStrangerSettlesNothing() public {
        ISessionManager.Claim[] memory claims = batchOf(2);
        vm.prank(stranger);
        assertEq(manager.claimBatch(claims), 0);
        assertEq(dollar.balanceOf(address(splitter)), 0);
        vm.prank(operator);
        manager.setSettler(stranger, true);
        vm.prank(stranger);
        assertEq(manager.claimBatch(claims), 2);
        assertSplit(address(dollar), 2e6);
    }

    function test_BatchWhilePaused() public {
        ISessionManager.Claim[] memory claims = batchOf(2);
        parameters.setPaused(true);
        vm.prank(operator);
        assertEq(manager.claimBatch(claims), 2);
    }
}
