// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

contract ParameterRegistryPauseTest is GovernanceTest {
    function test_AGuardiansPauseEndsByItself() public {
        assertFalse(registry.paused());
        vm.expectEmit(address(registry));
        emit IParameterRegistry.Paused(guardian, uint64(START + 7 days));
        _pause();
        assertTrue(registry.paused());
        assertEq(registry.pausedUntil(), START + 7 days);
        skip(7 days - 1);
        assertTrue(registry.paused());
        skip(1);
        assertFalse(registry.paused());
    }

    function test_AfterAFullPauseGuardiansHaveToRest() public {
        _pause();
        skip(7 days);
        assertEq(registry.pauseAllowance(), 0);
        _expectSpent(START + 7 days + _rest(1 hours));
        _pause();

        skip(_rest(1 hours) - 2);
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryPauseSpent.selector);
        _pause();

        skip(2);
        _pause();
        assertEq(registry.pausedUntil(), vm.getBlockTimestamp() + 1 hours);
    }

    function test_TheRefusalNamesATimeThatWorks() public {
        _pause();
        skip(7 days + 1234);
        uint64 available = uint64(START + 7 days + _rest(1 hours));
        vm.warp(available);
        _pause();
        assertTrue(registry.paused());
    }

    function test_TheAllowanceRefillsToItsMaximum() public {
        _pause();
        skip(7 days + 15 days);
        assertEq(registry.pauseAllowance(), 3.5 days);
        skip(15 days);
        assertEq(registry.pauseAllowance(), 7 days);
        skip(300 days);
        assertEq(registry.pauseAllowance(), 7 days);
    }

    function test_AnEarlyEndGivesTheRestBack() public {
        _pause();
        skip(2 days);
        vm.expectEmit(address(registry));
        emit IParameterRegistry.Unpaused(guardian);
        vm.prank(guardian);
        registry.unpause();
        assertFalse(registry.paused());
        assertEq(registry.pauseAllowance(), 5 days);
        _pause();
        assertEq(registry.pausedUntil(), START + 7 days);
    }

    function test_RevertWhen_PausedAlready() public {
        _pause();
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryAlreadyPaused.selector, uint64(START + 7 days)
            )
        );
        _pause();
    }

    function test_RevertWhen_PausedByAnybodyElse() public {
        _expectStrangerLacks(registry.PAUSER_ROLE());
        registry.pause();
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(address(timelock));
        registry.pause();
    }

    function test_TheTimelockRenewsAPause() public {
        _pause();
        skip(6 days);
        vm.expectEmit(address(registry));
        emit IParameterRegistry.Paused(address(timelock), uint64(START + 36 days));
        vm.prank(address(timelock));
        registry.renewPause(30 days);
        skip(30 days - 1);
        assertTrue(registry.paused());
        skip(1);
        assertFalse(registry.paused());
    }

    function test_RevertWhen_TheRenewalIsTooLongOrNone() public {
        uint64 limit = registry.MAX_RENEWED_PAUSE();
        vm.startPrank(address(timelock));
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryPauseTooLong.selector, limit + 1, limit
            )
        );
        registry.renewPause(limit + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryPauseTooLong.selector, 0, limit)
        );
        registry.renewPause(0);
        registry.renewPause(limit);
        vm.stopPrank();
    }

    function test_RevertWhen_RenewedByAGuardian() public {
        _pause();
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(guardian);
        registry.renewPause(1 days);
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.renewPause(1 days);
    }

    function test_TheTimelockEndsAnyPause() public {
        _pause();
        vm.prank(address(timelock));
        registry.unpause();
        assertFalse(registry.paused());
        vm.prank(address(timelock));
        registry.renewPause(1 days);
        vm.prank(address(timelock));
        registry.unpause();
        assertFalse(registry.paused());
    }

    function test_RevertWhen_AGuardianEndsTheTimelocksPause() public {
        vm.prank(address(timelock));
        registry.renewPause(1 days);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryUnauthorized.selector, guardian)
        );
        vm.prank(guardian);
        registry.unpause();
    }

    function test_RevertWhen_AStrangerEndsAPause() public {
        _pause();
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryUnauthorized.selector, stranger)
        );
        vm.prank(stranger);
        registry.unpause();
    }

    function test_RevertWhen_ThereIsNoPauseToEnd() public {
        vm.expectRevert(IParameterRegistry.ParameterRegistryNotPaused.selector);
        vm.prank(guardian);
        registry.unpause();
        _pause();
        skip(7 days);
        vm.expectRevert(IParameterRegistry.ParameterRegistryNotPaused.selector);
        vm.prank(guardian);
        registry.unpause();
    }

    function test_TheTimelocksPauseLeavesTheGuardiansAllowance() public {
        vm.prank(address(timelock));
        registry.renewPause(20 days);
        assertEq(registry.pauseAllowance(), 7 days);
        skip(10 days);
        vm.prank(address(timelock));
        registry.unpause();
        assertEq(registry.pauseAllowance(), 7 days);
        _pause();
        assertTrue(registry.paused());
    }

    /// @notice However guardians try, no pause exceeds 7 days, and all together what 30 days of rest earn back.
    function testFuzz_GuardiansCannotPauseForLong(uint256[24] memory waits, bool[24] memory early) public {
        uint256 pausedTime = 0;
        uint256 begin = vm.getBlockTimestamp();
        for (uint256 i = 0; i < waits.length; ++i) {
            vm.prank(guardian);
            try registry.pause() {} catch {}
            uint256 wait = bound(waits[i], 1, 8 days);
            uint256 until = registry.pausedUntil();
            uint256 now_ = vm.getBlockTimestamp();
            if (until > now_) {
                assertLe(until - now_, 7 days, "a single pause");
                pausedTime += wait < until - now_ ? wait : until - now_;
            }
            skip(wait);
            if (early[i] && registry.paused()) {
                vm.prank(guardian);
                registry.unpause();
            }
        }
        uint256 elapsed = vm.getBlockTimestamp() - begin;
        // What the allowance held at first, and what refilled meanwhile, outside of pauses.
        assertLe(pausedTime, 7 days + (elapsed - pausedTime) * 7 / 30 + waits.length, "more than allowed");
    }

    function test_A24_pausedTime() public {
        assertEq(registry.pausedTime(0), 0, "never");
        uint64 begin = uint64(vm.getBlockTimestamp());
        skip(1 days);
        _pause();
        assertEq(registry.pausedTime(begin), 0);
        skip(2 days);
        assertEq(registry.pausedTime(begin), 2 days, "so far");
        vm.startPrank(address(timelock));
        registry.renewPause(10 days);
        skip(1 days);
        registry.unpause();
        skip(1 days);
        registry.renewPause(3 days);
        skip(5 days);
        vm.stopPrank();
        assertEq(registry.pausedTime(0), 6 days);
        assertEq(registry.pausedTime(begin + 2 days), 5 days, "within the first");
        assertEq(registry.pausedTime(begin + 4 days), 3 days, "between");
        assertEq(registry.pausedTime(begin + 6 days), 2 days, "within the last");
        assertEq(registry.pausedTime(begin + 9 days), 0, "after it");
    }

    /// @dev Against a sum kept beside it, however pauses begin, are renewed, shortened and ended.
    function testFuzz_A24_pausedTime(uint256 seed) public {
        uint64[16] memory times;
        uint64[16] memory before;
        uint64 sum = 0;
        vm.startPrank(address(timelock));
        for (uint256 i = 0; i < 16; ++i) {
            (times[i], before[i]) = (uint64(vm.getBlockTimestamp()), sum);
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            if (dice % 3 == 0) registry.renewPause(uint64(1 + (dice >> 8) % 10 days));
            else if (dice % 3 == 1 && registry.paused()) registry.unpause();
            uint64 wait = uint64((dice >> 128) % 8 days);
            uint64 left = registry.paused() ? registry.pausedUntil() - times[i] : 0;
            skip(wait);
            sum += wait < left ? wait : left;
            for (uint256 j = 0; j <= i; ++j) {
                assertEq(registry.pausedTime(times[j]), sum - before[j]);
            }
        }
        vm.stopPrank();
    }

    function _pause() private {
        vm.prank(guardian);
        registry.pause();
    }

    function _expectSpent(uint256 availableAt) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryPauseSpent.selector, uint64(availableAt)
            )
        );
    }

    /// @dev Rest that earns `time` of pause, from nothing.
    function _rest(uint256 time) private pure returns (uint256) {
        return time * 30 / 7 + 1;
    }
}
