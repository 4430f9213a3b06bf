// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerSettleUsageTest is SessionTest {
    function skipped(ISessionManager.Usage[] memory usages, uint64 epoch, bytes4 reason) private {
        ISessionManager.Votes memory signed = votesFor(usages, epoch);
        vm.expectEmit(address(manager));
        emit ISessionManager.SettlementSkipped(usages[0].sessionId, reason);
        assertEq(manager.settleUsage(usages, epoch, signed), 0);
    }

    function refused(ISessionManager.Usage[] memory usages, uint64 epoch, ISessionManager.Votes memory signed)
        private
    {
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        manager.settleUsage(usages, epoch, signed);
    }

    function test_SettleUsage() public {
        uint256 id = openAttested();
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        vm.expectEmit(address(manager));
        emit ISessionManager.UsageAttested(id, 1, ACCOUNT);
        vm.expectEmit(address(manager));
        emit ISessionManager.SessionSettled(id, NODE, operator, 40e6, 40e6);
        vm.prank(stranger);
        assertEq(manager.settleUsage(usages, 1, signed), 1);
        ISessionManager.Session memory s = manager.session(id);
        assertEq(s.claimed, 40e6);
        assertEq(s.signed, 40e6);
        assertEq(s.epoch, 1);
        assertSplit(address(dollar), 40e6);
        assertSolvent(address(dollar));
    }

    /// @dev Totals are cumulative, as with receipts.
    function test_SettleUsageOverEpochs() public {
        uint256 id = openAttested();
        attest(id, 40e6, 3);
        skip(60);
        attest(id, 60e6, 4);
        assertEq(manager.session(id).claimed, 60e6);
        assertSplit(address(dollar), 60e6);
    }

    function test_SettleUsageIsCappedByTheDeposit() public {
        uint256 id = openAttested();
        attest(id, type(uint256).max, 1);
        assertEq(manager.session(id).claimed, DEPOSIT);
        assertSolvent(address(dollar));
    }

    /// @dev Usage on two nodes in one epoch is one settlement of the session.
    function test_SettleUsageOnSeveralNodes() public {
        uint256 id = openRoaming();
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](2);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, NODE, 0, 10e6);
        usages[1] = ISessionManager.Usage(id, ACCOUNT, OTHER_NODE, 0, 20e6);
        assertEq(manager.settleUsage(usages, 1, votesFor(usages, 1)), 2);
        assertEq(splitter.pending(operator, address(dollar)), 8e6);
        assertEq(splitter.pending(otherOperator, address(dollar)), 16e6);
        assertEq(manager.session(id).claimed, 30e6);
        assertEq(manager.usageOf(id, NODE), 10e6);
        assertEq(manager.usageOf(id, OTHER_NODE), 20e6);
        assertSolvent(address(dollar));
        skipped(usages, 1, ISessionManager.SessionManagerUsageGap.selector);
    }

    function test_SettleUsageOfHundred() public {
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](100);
        for (uint256 i = 0; i < 100; ++i) {
            usages[i] = ISessionManager.Usage(openAttested(), ACCOUNT, NODE, 0, 1e6);
        }
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        uint256 settled = manager.settleUsage(usages, 1, signed);
        vm.snapshotGasLastCall("SessionManager", "settleUsage of 100");
        assertEq(settled, 100);
        assertSplit(address(dollar), 100e6);
        assertSolvent(address(dollar));
    }

    function test_SettleUsageBounds() public {
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](101);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        vm.expectRevert(ISessionManager.SessionManagerInvalidBatch.selector);
        manager.settleUsage(usages, 1, signed);
        usages = new ISessionManager.Usage[](0);
        signed = votesFor(usages, 1);
        vm.expectRevert(ISessionManager.SessionManagerInvalidBatch.selector);
        manager.settleUsage(usages, 1, signed);
    }

    function test_SettleUsageReasons() public {
        uint256 id = openAttested();
        skipped(usageOf(99, NODE, 1e6), 1, ISessionManager.SessionManagerUnknownSession.selector);
        skipped(usageOf(openDollar(), NODE, 1e6), 1, ISessionManager.SessionManagerNotByAttestation.selector);
        skipped(usageOf(id, OTHER_NODE, 1e6), 1, ISessionManager.SessionManagerWrongUsage.selector);
        skipped(
            usageOf(openRoaming(), bytes20("nowhere"), 1e6),
            1,
            ISessionManager.SessionManagerWrongUsage.selector
        );
        ISessionManager.Usage[] memory strange = usageOf(id, NODE, 1e6);
        strange[0].account = bytes20("other");
        skipped(strange, 1, ISessionManager.SessionManagerWrongUsage.selector);
        skipped(usageOf(id, NODE, 0), 1, ISessionManager.SessionManagerNothingToClaim.selector);
        skipped(usageOf(id, NODE, 1e6), 0, ISessionManager.SessionManagerStaleEpoch.selector);
        attest(id, 10e6, 5);
        skipped(usageOf(id, NODE, 20e6), 5, ISessionManager.SessionManagerStaleEpoch.selector);
        skipped(usageOf(id, NODE, 20e6), 4, ISessionManager.SessionManagerStaleEpoch.selector);
        skipped(usageOf(id, NODE, 20e6), 6, ISessionManager.SessionManagerTooSoon.selector);
        skip(60);
        skipped(usageOf(id, NODE, 10e6), 6, ISessionManager.SessionManagerNothingToClaim.selector);
        skip(5 days);
        skipped(usageOf(id, NODE, 20e6), 6, ISessionManager.SessionManagerNotSettleable.selector);
    }

    /// @dev Another session's item in between ends the turn: a session is settled once in a batch.
    function test_SettleUsageTwiceInABatch() public {
        uint256 id = openRoaming();
        uint256 other = openRoaming();
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](3);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, NODE, 0, 10e6);
        usages[1] = ISessionManager.Usage(other, ACCOUNT, NODE, 0, 10e6);
        usages[2] = ISessionManager.Usage(id, ACCOUNT, OTHER_NODE, 0, 30e6);
        assertEq(manager.settleUsage(usages, 1, votesFor(usages, 1)), 2);
        assertEq(manager.session(id).claimed, 10e6);
    }

    /// @dev Items that belong together wait together.
    function test_SettleUsageOnSeveralNodesTooSoon() public {
        uint256 id = openRoaming();
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](2);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, NODE, 0, 10e6);
        usages[1] = ISessionManager.Usage(id, ACCOUNT, OTHER_NODE, 0, 20e6);
        assertEq(manager.settleUsage(usages, 1, votesFor(usages, 1)), 2);
        skip(59);
        (usages[0].from, usages[1].from) = (10e6, 20e6);
        (usages[0].amount, usages[1].amount) = (20e6, 30e6);
        assertEq(manager.settleUsage(usages, 2, votesFor(usages, 2)), 0);
        skip(1);
        assertEq(manager.settleUsage(usages, 2, votesFor(usages, 2)), 2);
    }

    function test_SettleUsageAfterCloseAndWhilePaused() public {
        uint256 id = openAttested();
        close(id);
        parameters.setPaused(true);
        skip(3 days - 1);
        attest(id, 40e6, 1);
        assertSplit(address(dollar), 40e6);
    }

    /// @dev The exploit: the batch of the second epoch came without that of the first, and its total paid one node's
    /// usage to the other's operator.
    function test_K1_aMissingEpochPaysNothingToAnotherNode() public {
        uint256 id = openRoaming();
        ISessionManager.Usage[] memory first = new ISessionManager.Usage[](1);
        first[0] = ISessionManager.Usage(id, ACCOUNT, OTHER_NODE, 0, 10e6);
        ISessionManager.Usage[] memory second = new ISessionManager.Usage[](2);
        second[0] = ISessionManager.Usage(id, ACCOUNT, OTHER_NODE, 10e6, 15e6);
        second[1] = ISessionManager.Usage(id, ACCOUNT, NODE, 0, 10e6);
        ISessionManager.Votes memory signed = votesFor(second, 2);
        vm.expectEmit(address(manager));
        emit ISessionManager.SettlementSkipped(id, ISessionManager.SessionManagerUsageGap.selector);
        assertEq(manager.settleUsage(second, 2, signed), 1);
        assertEq(splitter.pending(operator, address(dollar)), 8e6);
        assertEq(splitter.pending(otherOperator, address(dollar)), 0);
        // What is missing is attested from where it is, in any later epoch.
        skip(60);
        assertEq(manager.settleUsage(first, 1, votesFor(first, 1)), 0);
        first[0].amount = 15e6;
        assertEq(manager.settleUsage(first, 3, votesFor(first, 3)), 1);
        assertEq(splitter.pending(otherOperator, address(dollar)), 12e6);
        assertEq(manager.session(id).claimed, 25e6);
        assertSolvent(address(dollar));
    }

    /// @dev A skipped item leaves the others as they are: here a node without a record.
    function test_K1_aSkippedItemChangesNoOther() public {
        uint256 id = openRoaming();
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](3);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, NODE, 0, 10e6);
        usages[1] = ISessionManager.Usage(id, ACCOUNT, bytes20("nowhere"), 0, 30e6);
        usages[2] = ISessionManager.Usage(id, ACCOUNT, OTHER_NODE, 0, 5e6);
        assertEq(manager.settleUsage(usages, 1, votesFor(usages, 1)), 2);
        assertEq(splitter.pending(operator, address(dollar)), 8e6);
        assertEq(splitter.pending(otherOperator, address(dollar)), 4e6);
        assertEq(manager.session(id).claimed, 15e6);
    }

    /// @dev What the deposit did not cover is attested again, from what was paid, once there is more.
    function test_K1_theStartIsWhatWasPaid() public {
        uint256 id = openRoaming();
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, DEPOSIT + 20e6);
        manager.settleUsage(usages, 1, votesFor(usages, 1));
        assertEq(manager.usageOf(id, NODE), DEPOSIT);
        vm.prank(user);
        manager.topUp(id, 50e6);
        skip(60);
        usages = usageOf(id, NODE, DEPOSIT + 20e6);
        assertEq(usages[0].from, DEPOSIT);
        assertEq(manager.settleUsage(usages, 2, votesFor(usages, 2)), 1);
        assertEq(manager.session(id).claimed, DEPOSIT + 20e6);
    }

    /// @dev The exploit: an interval longer than the claim period made the last hours of a session free.
    function test_A6_afterTheEndOnlyTheMinimumIntervalCounts() public {
        parameters.set(ParameterKeys.SESSION_SETTLE_INTERVAL, 1 days);
        parameters.set(ParameterKeys.SESSION_CLAIM_PERIOD, 1 hours);
        uint256 id = openAttested();
        uint256 byReceipt = openDollar();
        attest(id, 10e6, 1);
        claim(byReceipt, 10e6);
        skip(1 hours);
        assertEq(attest(id, 20e6, 2), 0);
        claimRefused(operator, byReceipt, 20e6, ISessionManager.SessionManagerTooSoon.selector);
        close(id);
        close(byReceipt);
        skip(1 hours - 1);
        assertEq(attest(id, 20e6, 2), 1);
        claim(byReceipt, 20e6);
        // An end by expiry counts too.
        id = openAttested();
        skip(1 days - 60);
        attest(id, 10e6, 3);
        skip(60);
        assertEq(attest(id, 20e6, 4), 1);
    }

    /// @dev The exploit: one batch with the last epoch that there is blocked a session for ever.
    function test_A17_anEpochIsOver() public {
        uint256 id = openAttested();
        uint64 present = uint64(vm.getBlockTimestamp() / 1 hours);
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, 1e6);
        uint64[2] memory epochs = [present, type(uint64).max];
        for (uint256 i = 0; i < 2; ++i) {
            ISessionManager.Votes memory signed = votesFor(usages, epochs[i]);
            vm.expectRevert(ISessionManager.SessionManagerEpochNotOver.selector);
            manager.settleUsage(usages, epochs[i], signed);
        }
        assertEq(attest(id, 1e6, present - 1), 1);
    }

    /// @dev The exploit: after a change of the node's key its usage was skipped, as the addresses differ.
    function test_A22_usageFollowsTheRecordOfTheNode() public {
        uint256 id = openAttested();
        uint256 roaming = openRoaming();
        attest(id, 10e6, 1);
        bytes20 newKey = bytes20("new key");
        ISessionManager.Usage[] memory usages = usageOf(roaming, NODE, 10e6);
        manager.settleUsage(usages, 1, votesFor(usages, 1));
        registry.changeKey(NODE, newKey);
        skip(60);
        assertEq(manager.usageOf(id, newKey), 10e6);
        assertEq(manager.usageOf(roaming, newKey), 10e6);
        usages = new ISessionManager.Usage[](2);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, newKey, 10e6, 20e6);
        usages[1] = ISessionManager.Usage(roaming, ACCOUNT, newKey, 10e6, 20e6);
        assertEq(manager.settleUsage(usages, 2, votesFor(usages, 2)), 2);
        // Under the key that was given up too: the committee may not have noticed.
        skip(60);
        (usages[0].node, usages[0].from, usages[0].amount) = (NODE, 20e6, 30e6);
        (usages[1].node, usages[1].from, usages[1].amount) = (NODE, 20e6, 30e6);
        assertEq(manager.settleUsage(usages, 3, votesFor(usages, 3)), 2);
        assertEq(splitter.pending(operator, address(dollar)), 48e6);
    }

    // ------------------------------------------------------------------ whose word

    function test_HashIsEip712() public {
        uint256 id = openAttested();
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, 40e6);
        bytes memory itemType =
            "Usage(uint256 sessionId,bytes20 account,bytes20 node,uint256 from,uint256 amount)";
        bytes32 item =
            keccak256(abi.encode(keccak256(itemType), id, ACCOUNT, NODE, uint256(0), uint256(40e6)));
        bytes32 batchType = keccak256(
            abi.encodePacked(
                "UsageBatch(address manager,uint64 version,uint64 epoch,Usage[] usages)", itemType
            )
        );
        bytes32 expected = keccak256(
            abi.encode(batchType, address(manager), uint64(1), uint64(9), keccak256(abi.encode(item)))
        );
        assertEq(manager.usageHash(usages, 9, 1), expected);
    }

    function test_TooFewSignaturesRevert() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        bytes32 structHash = manager.usageHash(usages, 1, 1);
        assertEq(committee.threshold(), 5);
        refused(usages, 1, votes(structHash, 4));
        manager.settleUsage(usages, 1, votes(structHash, 5));
    }

    function test_RepeatedSignerReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        (signed.signers[4], signed.signatures[4]) = (signed.signers[3], signed.signatures[3]);
        refused(usages, 1, signed);
    }

    function test_StrangersSignatureReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        signed.signatures[0] =
            signature(userKey, committee.digest(manager.usageHash(usages, 1, signed.version)));
        refused(usages, 1, signed);
    }

    function test_ChangedItemReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        usages[0].amount = 41e6;
        refused(usages, 1, signed);
        usages[0].amount = 40e6;
        usages[0].node = OTHER_NODE;
        refused(usages, 1, signed);
    }

    function test_FromOtherEpochReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        refused(usages, 2, signed);
        manager.settleUsage(usages, 1, signed);
    }

    function test_FromOtherCommitteeVersionReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        committee.rotate();
        refused(usages, 1, signed);
        signed.version = 2;
        refused(usages, 1, signed);
        manager.settleUsage(usages, 1, votesFor(usages, 1));
    }

    function test_FromOtherChainReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        vm.chainId(here);
        refused(usages, 1, signed);
    }

    function test_FromOtherContractReverts() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        SessionManager twin = newManager();
        bytes32 structHash = twin.usageHash(usages, 1, 1);
        refused(usages, 1, votes(structHash, 5));
    }

    function test_ReplayedBatchPaysNothing() public {
        uint256 id = openAttested();
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, 40e6);
        ISessionManager.Votes memory signed = votesFor(usages, 1);
        assertEq(manager.settleUsage(usages, 1, signed), 1);
        skip(1 hours);
        assertEq(manager.settleUsage(usages, 1, signed), 0);
        // Also when the deposit has grown, with a batch that was capped.
        vm.prank(user);
        manager.topUp(id, 50e6);
        assertEq(manager.settleUsage(usages, 1, signed), 0);
    }

    /// @dev A decision cannot be used as usage, or the other way round.
    function test_VotesForADecisionRevert() public {
        ISessionManager.Usage[] memory usages = usageOf(openAttested(), NODE, 40e6);
        refused(usages, 1, votesFor(decision(1, NODE, 40e6, true)));
    }
}
