// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @notice Values that only make sense together.
contract ParameterRegistryGroupsTest is GovernanceTest {
    function test_FeeSharesChangeTogether() public asGovernor {
        registry.setFeeShares(7_000, 1_800, 1_200);
        (uint16 operator, uint16 treasury, uint16 staker) = registry.feeShares();
        assertEq(operator, 7_000);
        assertEq(treasury, 1_800);
        assertEq(staker, 1_200);
    }

    function test_RevertWhen_FeeSharesDoNotSum() public asGovernor {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryFeeSharesSum.selector, 9_999)
        );
        registry.setFeeShares(7_000, 1_800, 1_199);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryFeeSharesSum.selector, 10_001)
        );
        registry.setFeeShares(7_000, 1_800, 1_201);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryFeeSharesSum.selector, 9_000)
        );
        registry.set(ParameterKeys.FEE_OPERATOR_SHARE, 7_000);
    }

    function test_RevertWhen_AFeeShareLeavesItsBounds() public asGovernor {
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryOutOfBounds.selector);
        registry.setFeeShares(4_000, 3_000, 3_000);
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryOutOfBounds.selector);
        registry.setFeeShares(6_000, 3_001, 999);
    }

    function test_RevertWhen_FeeSharesAreSetByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.setFeeShares(7_000, 1_800, 1_200);
    }

    function test_WeightsChangeTogether() public asGovernor {
        registry.setReputationWeights(400, 300, 100, 200);
        (uint16 uptime, uint16 quality, uint16 stake, uint16 history) = registry.reputationWeights();
        assertEq(uptime, 400);
        assertEq(quality, 300);
        assertEq(stake, 100);
        assertEq(history, 200);
    }

    function test_RevertWhen_WeightsDoNotSum() public asGovernor {
        vm.expectRevert(abi.encodeWithSelector(IParameterRegistry.ParameterRegistryWeightsSum.selector, 999));
        registry.setReputationWeights(400, 300, 100, 199);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryWeightsSum.selector, 1_001)
        );
        registry.set(ParameterKeys.REPUTATION_WEIGHT_STAKE, 201);
    }

    function test_RevertWhen_WeightsAreSetByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.setReputationWeights(400, 300, 100, 200);
    }

    function test_SetManyMovesAGroupInAnyOrder() public asGovernor {
        registry.setMany(
            _pair(ParameterKeys.FEE_OPERATOR_SHARE, ParameterKeys.FEE_TREASURY_SHARE), _pair(7_500, 1_500)
        );
        registry.setMany(
            _pair(ParameterKeys.FEE_CEILING, ParameterKeys.FEE_FLOOR), _pair(2 gwei, uint256(1 gwei))
        );
        assertEq(registry.get(ParameterKeys.FEE_OPERATOR_SHARE), 7_500);
        assertEq(registry.get(ParameterKeys.FEE_TREASURY_SHARE), 1_500);
        assertEq(registry.get(ParameterKeys.FEE_FLOOR), 1 gwei);
        assertEq(registry.get(ParameterKeys.FEE_CEILING), 2 gwei);
    }

    function test_RevertWhen_SetManyBreaksAGroup() public {
        vm.prank(address(timelock));
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryFeeSharesSum.selector, 10_001)
        );
        registry.setMany(
            _pair(ParameterKeys.FEE_OPERATOR_SHARE, ParameterKeys.FEE_TREASURY_SHARE), _pair(7_500, 1_501)
        );
        assertEq(registry.get(ParameterKeys.FEE_OPERATOR_SHARE), 8_000);
    }

    function test_RevertWhen_SetManyHasOddLengths() public asGovernor {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryLengthMismatch.selector, 2, 1)
        );
        registry.setMany(
            _pair(ParameterKeys.FEE_OPERATOR_SHARE, ParameterKeys.FEE_TREASURY_SHARE), new uint256[](1)
        );
    }

    function test_RevertWhen_SetManyIsByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.setMany(
            _pair(ParameterKeys.FEE_OPERATOR_SHARE, ParameterKeys.FEE_TREASURY_SHARE), _pair(7_500, 1_500)
        );
    }

    function test_FloorAndCeilingMayBeEqual() public asGovernor {
        registry.set(ParameterKeys.FEE_FLOOR, 0.01 ether);
        assertEq(registry.get(ParameterKeys.FEE_FLOOR), registry.get(ParameterKeys.FEE_CEILING));
    }

    function test_RevertWhen_TheFloorIsAboveTheCeiling() public asGovernor {
        bytes memory refusal = abi.encodeWithSelector(
            IParameterRegistry.ParameterRegistryUnordered.selector,
            ParameterKeys.FEE_FLOOR,
            ParameterKeys.FEE_CEILING
        );
        vm.expectRevert(refusal);
        registry.set(ParameterKeys.FEE_FLOOR, 0.01 ether + 1);
        registry.set(ParameterKeys.FEE_FLOOR, 0.005 ether);
        vm.expectRevert(refusal);
        registry.set(ParameterKeys.FEE_CEILING, 0.005 ether - 1);
    }

    function test_RevertWhen_DelaysAreNotInOrder() public asGovernor {
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryUnordered.selector,
                ParameterKeys.TIMELOCK_DELAY_STANDARD,
                ParameterKeys.TIMELOCK_DELAY_MAJOR
            )
        );
        registry.set(ParameterKeys.TIMELOCK_DELAY_STANDARD, 3 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryUnordered.selector,
                ParameterKeys.TIMELOCK_DELAY_MAJOR,
                ParameterKeys.TIMELOCK_DELAY_CRITICAL
            )
        );
        registry.set(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 3 days - 1);
        registry.set(ParameterKeys.TIMELOCK_DELAY_MAJOR, 7 days);
        assertEq(registry.get(ParameterKeys.TIMELOCK_DELAY_MAJOR), 7 days);
    }

    /// @dev The exploit: a user closed the session when a rotation was scheduled, and the next committee still
    /// attested and decided it.
    function test_A20_aClosedSessionEndsBeforeARotation() public asGovernor {
        registry.set(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 6 days + 1);
        bytes4 late = IParameterRegistry.ParameterRegistrySessionEndsTooLate.selector;
        vm.expectRevert(abi.encodeWithSelector(late, 6 days, 6 days));
        registry.set(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 6 days);
        vm.expectRevert(abi.encodeWithSelector(late, 6 days + 1, 6 days + 1));
        registry.set(ParameterKeys.SESSION_CLAIM_PERIOD, 3 days + 1);
        vm.expectRevert(abi.encodeWithSelector(late, 6 days + 1, 6 days + 1));
        registry.set(ParameterKeys.SESSION_DISPUTE_PERIOD, 3 days + 1);
        // At the corners of the bounds.
        registry.set(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 13 days + 1);
        registry.setMany(
            _pair(ParameterKeys.SESSION_CLAIM_PERIOD, ParameterKeys.SESSION_DISPUTE_PERIOD),
            _pair(6 days, 7 days)
        );
        vm.expectRevert(abi.encodeWithSelector(late, 13 days, 13 days));
        registry.set(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 13 days);
    }

    function test_A6_theSettleIntervalFitsTheClaimPeriod() public asGovernor {
        registry.set(ParameterKeys.SESSION_SETTLE_INTERVAL, 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryUnordered.selector,
                ParameterKeys.SESSION_SETTLE_INTERVAL,
                ParameterKeys.SESSION_CLAIM_PERIOD
            )
        );
        registry.set(ParameterKeys.SESSION_CLAIM_PERIOD, 1 days - 1);
        registry.set(ParameterKeys.SESSION_CLAIM_PERIOD, 1 days);
    }

    function testFuzz_FeeSharesAlwaysSum(uint16 operator, uint16 treasury, uint16 staker) public {
        vm.prank(address(timelock));
        try registry.setFeeShares(operator, treasury, staker) {} catch {}
        (uint16 a, uint16 b, uint16 c) = registry.feeShares();
        assertEq(uint256(a) + b + c, 10_000);
    }
}
