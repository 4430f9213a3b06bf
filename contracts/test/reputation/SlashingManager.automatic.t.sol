// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {ISlashingManager, Offence, Period} from "../../src/interfaces/ISlashingManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @notice slashAutomatic.
contract SlashingManagerAutomaticTest is DisputeBase {
    function test_downtime() public {
        (uint64 from, uint64 to) = (timestamp() - 24 hours - 1, timestamp());
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(node1.node, keccak256("DOWNTIME"), 0.02 ether, 0, address(0), 0);
        vm.expectEmit(address(manager));
        emit ISlashingManager.AutomaticSlash(node1.node, Offence.Downtime, from, to, 0.02 ether);
        assertEq(attest(Offence.Downtime, from, to), 0.02 ether);
        assertEq(registry.treasuryDue(), 0.02 ether);
        assertEq(manager.punishedUntil(1, Offence.Downtime), to);
    }

    function test_poorQuality() public {
        assertEq(attest(Offence.PoorQuality, timestamp() - 7 days, timestamp()), 0.04 ether);
        assertEq(manager.punishedUntil(1, Offence.PoorQuality), timestamp());
        assertEq(manager.punishedUntil(1, Offence.Downtime), 0);
    }

    function test_percentagesAreGoverned() public {
        setParameter(ParameterKeys.SLASH_DOWNTIME_PERCENT, 500);
        assertEq(attest(Offence.Downtime, timestamp() - 2 days, timestamp()), 0.1 ether);
    }

    function test_periodsAreGoverned() public {
        setParameter(ParameterKeys.DOWNTIME_PERIOD, 2 days);
        _expectInvalidPeriod(Offence.Downtime, timestamp() - 2 days, timestamp());
        attest(Offence.Downtime, timestamp() - 2 days - 1, timestamp());
        setParameter(ParameterKeys.POOR_QUALITY_PERIOD, 8 days);
        _expectInvalidPeriod(Offence.PoorQuality, timestamp() - 8 days + 1, timestamp());
        attest(Offence.PoorQuality, timestamp() - 8 days, timestamp());
    }

    function test_unbondingStakeIsReached() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        assertEq(attest(Offence.Downtime, timestamp() - 2 days, timestamp()), 0.02 ether);
    }

    function test_adjacentPeriods() public {
        uint64 middle = timestamp() - 3 days;
        attest(Offence.Downtime, middle - 3 days, middle);
        assertEq(attest(Offence.Downtime, middle, timestamp()), 0.0198 ether);
    }

    /// @dev The exploit: a pause of 7 days, which stops reports, let all earlier downtime go unpunished.
    function test_A24_aPauseStopsTheAgeOfReports() public {
        uint64 to = timestamp();
        skip(1 days);
        pause();
        skip(7 days);
        assertFalse(params.paused(), "the pause is over");
        skip(6 days);
        _expectInvalidPeriod(Offence.Downtime, to - 3 days, to - 1);
        assertGt(attest(Offence.Downtime, to - 2 days, to), 0, "punished");
    }

    /// @dev The exploit: the last of several periods, submitted first, shielded all earlier ones.
    function test_A3_periodsInAnyOrder(uint256 seed) public {
        uint64 end = timestamp();
        uint256[5] memory order = [uint256(0), 1, 2, 3, 4];
        for (uint256 i = 4; i > 0; --i) {
            uint256 j = uint256(keccak256(abi.encode(seed, i))) % (i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        uint64 length = 24 hours + 1;
        for (uint256 i = 0; i < 5; ++i) {
            uint64 to = end - uint64(order[i]) * length;
            assertGt(attest(Offence.Downtime, to - length, to), 0, "slashed");
        }
        Period[] memory periods = manager.punishedPeriods(1, Offence.Downtime);
        assertEq(periods.length, 5);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(periods[i].to, end - uint64(4 - i) * length);
            assertEq(periods[i].from, periods[i].to - length);
            _expectPunished(periods[i].from, periods[i].to);
            _expectPunished(periods[i].from - length / 2, periods[i].from + length / 2 + 1);
        }
        assertEq(manager.punishedUntil(1, Offence.Downtime), end);
        assertEq(registry.scoreFacts(node1.node).offences, 5);
    }

    /// @dev A period over others that were punished, or within one, overlaps.
    function test_A3_revertWhen_aPeriodContainsAnother() public {
        uint64 end = timestamp();
        attest(Offence.Downtime, end - 4 days, end - 2 days);
        _expectPunished(end - 5 days, end);
        _expectPunished(end - 3 days - 20 hours, end - 2 days - 10 hours);
        attest(Offence.Downtime, end - 2 days, end);
        attest(Offence.Downtime, end - 6 days, end - 4 days);
    }

    /// @dev The exploit: a node that had left was slashed for being down afterwards.
    function test_A25_downtimeAfterLeavingIsNone() public {
        skip(1 hours);
        uint64 left = timestamp();
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        assertEq(registry.leftAt(node1.node), left);
        assertEq(registry.leftAt(node2.node), 0);
        skip(3 days);
        _expectInvalidPeriod(Offence.Downtime, left - 2 days, left + 1);
        _expectInvalidPeriod(Offence.Downtime, left, timestamp());
        assertEq(attest(Offence.Downtime, left - 2 days, left), 0.02 ether);
    }

    function test_revertWhen_aPeriodIsPunishedTwice() public {
        uint64 middle = timestamp() - 3 days;
        attest(Offence.Downtime, middle - 3 days, middle);
        _expectRevert(
            Offence.Downtime,
            middle - 1,
            timestamp(),
            abi.encodeWithSelector(
                ISlashingManager.SlashingManagerAlreadyPunished.selector, node1.node, Offence.Downtime
            )
        );
        _expectRevert(
            Offence.Downtime,
            middle - 3 days,
            middle,
            abi.encodeWithSelector(
                ISlashingManager.SlashingManagerAlreadyPunished.selector, node1.node, Offence.Downtime
            )
        );
    }

    function test_revertWhen_theOffenceIsManual() public {
        for (uint256 i = 2; i < 4; ++i) {
            _expectRevert(
                Offence(i),
                timestamp() - 8 days,
                timestamp(),
                abi.encodeWithSelector(ISlashingManager.SlashingManagerWrongOffence.selector, Offence(i))
            );
        }
    }

    function test_revertWhen_thePeriodIsTooShort() public {
        _expectInvalidPeriod(Offence.Downtime, timestamp() - 24 hours, timestamp());
        _expectInvalidPeriod(Offence.PoorQuality, timestamp() - 7 days + 1, timestamp());
    }

    function test_revertWhen_thePeriodIsBackwards() public {
        _expectInvalidPeriod(Offence.Downtime, timestamp(), timestamp() - 2 days);
        _expectInvalidPeriod(Offence.Downtime, timestamp(), timestamp());
    }

    function test_revertWhen_thePeriodIsNotOver() public {
        _expectInvalidPeriod(Offence.Downtime, timestamp() - 2 days, timestamp() + 1);
    }

    function test_revertWhen_thePeriodBeganBeforeTheRegistration() public {
        _expectInvalidPeriod(Offence.Downtime, uint64(START) - 1, timestamp());
        attest(Offence.Downtime, uint64(START), timestamp());
    }

    function test_revertWhen_thePeriodIsTooOld() public {
        uint64 to = timestamp() - 7 days;
        _expectInvalidPeriod(Offence.Downtime, to - 2 days, to - 1);
        attest(Offence.Downtime, to - 2 days, to);
    }

    function test_revertWhen_notRegistered() public {
        vm.expectRevert(
            abi.encodeWithSelector(ISlashingManager.SlashingManagerNotRegistered.selector, node2.node)
        );
        manager.slashAutomatic(node2.node, Offence.Downtime, 0, 0, 1, new address[](0), new bytes[](0));
    }

    function test_revertWhen_paused() public {
        pause();
        _expectRevert(
            Offence.Downtime,
            timestamp() - 2 days,
            timestamp(),
            abi.encodeWithSelector(ISlashingManager.SlashingManagerPaused.selector)
        );
    }

    /// @dev Every field of what is signed counts.
    function test_revertWhen_notAttested() public {
        (uint64 from, uint64 to) = (timestamp() - 8 days, timestamp());
        register(node2, bob, MIN_STAKE);
        skip(10 days);
        (from, to) = (timestamp() - 8 days, timestamp());
        bytes32 hash = manager.offenceHash(node1.node, Offence.Downtime, from, to, 1);
        (address[] memory signers, bytes[] memory signatures) = signed(hash, THRESHOLD);
        bytes memory reason = abi.encodeWithSelector(ISlashingManager.SlashingManagerNotAttested.selector);
        vm.expectRevert(reason);
        manager.slashAutomatic(node2.node, Offence.Downtime, from, to, 1, signers, signatures);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, Offence.PoorQuality, from, to, 1, signers, signatures);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, Offence.Downtime, from - 1, to, 1, signers, signatures);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, Offence.Downtime, from, to - 1, 1, signers, signatures);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, Offence.Downtime, from, to, 2, signers, signatures);

        SlashingManager other = new SlashingManager(params, registry, oracle, governor);
        vm.expectRevert(reason);
        other.slashAutomatic(node1.node, Offence.Downtime, from, to, 1, signers, signatures);

        uint256 snapshot = vm.snapshotState();
        vm.prank(governor);
        oracle.setCommittee(members);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, Offence.Downtime, from, to, 1, signers, signatures);
        vm.revertToState(snapshot);
        vm.chainId(1);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, Offence.Downtime, from, to, 1, signers, signatures);
    }

    function test_revertWhen_tooFewSign() public {
        (uint64 from, uint64 to) = (timestamp() - 2 days, timestamp());
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.offenceHash(node1.node, Offence.Downtime, from, to, 1), THRESHOLD - 1);
        vm.expectRevert(ISlashingManager.SlashingManagerNotAttested.selector);
        manager.slashAutomatic(node1.node, Offence.Downtime, from, to, 1, signers, signatures);
    }

    function _expectInvalidPeriod(Offence offence, uint64 from, uint64 to) private {
        _expectRevert(
            offence,
            from,
            to,
            abi.encodeWithSelector(ISlashingManager.SlashingManagerInvalidPeriod.selector, from, to)
        );
    }

    function _expectRevert(Offence offence, uint64 from, uint64 to, bytes memory reason) private {
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.offenceHash(node1.node, offence, from, to, 1), THRESHOLD);
        vm.expectRevert(reason);
        manager.slashAutomatic(node1.node, offence, from, to, 1, signers, signatures);
    }

    function _expectPunished(uint64 from, uint64 to) private {
        _expectRevert(
            Offence.Downtime,
            from,
            to,
            abi.encodeWithSelector(
                ISlashingManager.SlashingManagerAlreadyPunished.selector, node1.node, Offence.Downtime
            )
        );
    }
}
