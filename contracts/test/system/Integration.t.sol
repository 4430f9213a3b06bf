// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {Measurement} from "../../src/interfaces/IReputationOracle.sol";
import {Offence} from "../../src/interfaces/ISlashingManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {Vm} from "../utils/Vm.sol";
import {World} from "./World.sol";

/// @notice Where one contract's doing must reach another, in the system as deployed.
contract IntegrationTest is World {
    function test_ANodesLife() public {
        // Scores by the committee.
        skip(2 hours);
        uint64 epoch = uint64(vm.getBlockTimestamp() / 1 hours - 1);
        Measurement[] memory list = new Measurement[](1);
        list[0] = Measurement(node.node, 1e18, 10_000, 10_000, 10_000, 0);
        uint64 version = system.oracle.committeeVersion();
        bytes32 root = system.oracle.rootOf(epoch, list);
        (address[] memory signers, bytes[] memory signatures) =
            _votes(system.oracle.reportHash(epoch, root, 1, version), 6);
        system.oracle.postEpochList(epoch, list, version, signers, signatures);
        (,,, uint16 score,,) = system.nodes.standing(node.node);
        // 300 uptime, 300 quality, 200 stake (2 ETH is more than three times the minimum), 40 for a clean record.
        assertEq(score, 840);

        // A session is paid and split.
        _claim(session, 1 ether);
        assertEq(system.splitter.pending(operator, address(0)), 0.8 ether);
        assertEq(system.splitter.treasuryPending(address(0)), 0.1 ether);
        system.splitter.harvest(node.node, address(0));
        // One unit is carried to the next payment.
        assertEq(system.splitter.pending(operator, address(0)), 0.9 ether - 1);

        // Slashed for downtime, by attestation.
        skip(2 days);
        uint64 to = uint64(vm.getBlockTimestamp());
        uint64 from = to - 25 hours;
        (signers, signatures) =
            _votes(system.slashing.offenceHash(node.node, Offence.Downtime, from, to, version), 6);
        assertEq(
            system.slashing
            .slashAutomatic(node.node, Offence.Downtime, from, to, version, signers, signatures),
            0.02 ether
        );
        (,, uint256 stake,,,) = system.nodes.standing(node.node);
        assertEq(stake, 1.98 ether);
    }

    function test_TheEmergencyBlacklistReachesStandingAndFollowers() public {
        vm.recordLogs();
        vm.prank(guardian);
        system.parameters.blacklistNode(node.node, "attack");
        _assertAnnounced(vm.getRecordedLogs(), true);
        (, bool active,,, bool blacklisted,) = system.nodes.standing(node.node);
        assertTrue(active && blacklisted);
        assertTrue(system.parameters.policyForGateOf(node.node).nodeBlacklisted);
        ISessionManager.Terms memory terms = _terms(bytes20(0));
        vm.expectPartialRevert(ISessionManager.SessionManagerNodeNotInStanding.selector);
        vm.prank(user);
        system.sessions.open{value: 1 ether}(terms);

        skip(14 days);
        (,,,, blacklisted,) = system.nodes.standing(node.node);
        assertFalse(blacklisted, "still out after its end");
        vm.recordLogs();
        system.parameters.pruneBlacklist(_list(node.node));
        _assertAnnounced(vm.getRecordedLogs(), false);
        _open(bytes20(0));
    }

    function test_ARaisedMinimumLeavesTimeToThoseWhoAreIn() public {
        vm.prank(address(system.timelock));
        system.parameters.set(ParameterKeys.MIN_STAKE, 3 ether);
        assertTrue(_isActive());
        skip(14 days - 1);
        assertTrue(_isActive());
        skip(1);
        assertFalse(_isActive());
        vm.prank(operator);
        system.nodes.topUp{value: 1 ether}(node.node);
        assertTrue(_isActive());
    }

    function test_GovernedSharesCountFromTheNextPaymentOn() public {
        vm.prank(address(system.timelock));
        system.parameters.setFeeShares(6_000, 3_000, 1_000);
        _claim(session, 1 ether);
        assertEq(system.splitter.pending(operator, address(0)), 0.6 ether);
        assertEq(system.splitter.treasuryPending(address(0)), 0.3 ether);
    }

    function test_ATokenThatIsNoLongerAcceptedIsStillPaidOut() public {
        vm.prank(address(system.timelock));
        system.parameters.setAcceptedToken(address(0), false);
        _claim(session, 1 ether);
        uint256 before = operator.balance;
        vm.prank(operator);
        system.splitter.withdraw(address(0));
        assertEq(operator.balance, before + 0.8 ether);
    }

    function test_AVetoIsAlwaysPossibleInTime() public {
        // The slowest that governance can make itself for a veto, beside the fastest veto period.
        vm.startPrank(address(system.timelock));
        system.parameters.set(ParameterKeys.TIMELOCK_DELAY_MAJOR, 1 days);
        system.timelock.updateDelay(system.timelock.MIN_DELAY_CEILING());
        vm.stopPrank();
        vm.prank(stranger);
        uint256 id = system.slashing.openDispute{value: 0.01 ether}(
            node.node, Offence.Malicious, uint64(vm.getBlockTimestamp()), "evidence"
        );
        uint64 version = system.oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            _votes(system.slashing.verdictHash(id, true, version), 6);
        system.slashing.decide(id, true, version, signers, signatures);

        bytes memory veto = abi.encodeCall(system.slashing.veto, (id));
        uint256 delay = system.timelock.requiredDelay(address(system.slashing), veto);
        skip(12 hours);
        vm.prank(core);
        system.timelock.schedule(address(system.slashing), 0, veto, 0, "", delay);
        skip(delay);
        assertLt(vm.getBlockTimestamp(), system.slashing.disputes(id).executableAt, "too late");
        vm.prank(executor);
        system.timelock.execute(address(system.slashing), 0, veto, 0, "");
        (,, uint256 stake,,,) = system.nodes.standing(node.node);
        assertEq(stake, 2 ether);
    }

    function _isActive() private view returns (bool active) {
        (, active,,,,) = system.nodes.standing(node.node);
    }

    function _assertAnnounced(Vm.Log[] memory logs, bool blacklisted) private view {
        uint256 announced = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            assertTrue(
                logs[i].topics[0] != IParameterRegistry.StandingListenerFailed.selector, "listener failed"
            );
            if (logs[i].topics[0] != INodeRegistry.StandingChanged.selector) continue;
            assertEq(logs[i].emitter, address(system.nodes));
            (,,, bool told,) = abi.decode(logs[i].data, (bool, uint256, uint16, bool, uint64));
            assertEq(told, blacklisted);
            ++announced;
        }
        assertEq(announced, 1, "announced");
    }
}
