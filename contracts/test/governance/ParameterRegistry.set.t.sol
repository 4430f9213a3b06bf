// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

contract ParameterRegistrySetTest is GovernanceTest {
    bytes32 private constant UNKNOWN = keccak256("NO_SUCH_PARAMETER");

    function test_FirstValuesAreTheSpecified() public view {
        assertEq(registry.get(keccak256("MIN_STAKE")), 0.5 ether);
        assertEq(registry.get(keccak256("SLASH_DOWNTIME_PERCENT")), 100);
        assertEq(registry.get(keccak256("SLASH_POOR_QUALITY_PERCENT")), 200);
        assertEq(registry.get(keccak256("SLASH_LOGGING_PERCENT")), 2_500);
        assertEq(registry.get(keccak256("SLASH_MALICIOUS_PERCENT")), 10_000);
        assertEq(registry.get(keccak256("CREDENTIAL_TTL")), 24 hours);
        assertEq(registry.get(keccak256("FEE_OPERATOR_SHARE")), 8_000);
        assertEq(registry.get(keccak256("FEE_TREASURY_SHARE")), 1_000);
        assertEq(registry.get(keccak256("FEE_STAKER_SHARE")), 1_000);
        assertEq(registry.get(keccak256("REPUTATION_WEIGHT_UPTIME")), 300);
        assertEq(registry.get(keccak256("REPUTATION_WEIGHT_QUALITY")), 300);
        assertEq(registry.get(keccak256("REPUTATION_WEIGHT_STAKE")), 200);
        assertEq(registry.get(keccak256("REPUTATION_WEIGHT_HISTORY")), 200);
        assertEq(registry.get(keccak256("UNBONDING_PERIOD")), 21 days);
        assertEq(registry.get(keccak256("LIVENESS_PROBE_INTERVAL")), 1 hours);
        assertEq(registry.get(keccak256("ORACLE_COMMITTEE_SIZE")), 9);
        assertEq(registry.get(keccak256("DISPUTE_BOND")), 0.01 ether);
        assertEq(registry.get(keccak256("SESSION_SETTLE_INTERVAL")), 60);
        assertEq(registry.get(keccak256("DEVICE_LIMIT_FREE")), 3);
        assertEq(registry.get(keccak256("BANDWIDTH_FREE")), 0);
        assertEq(registry.get(keccak256("TIMELOCK_DELAY_STANDARD")), 1 days);
    }

    function test_HardBoundsAreTheSpecified() public view {
        _assertBounds("MIN_STAKE", 0.1 ether, 100 ether);
        _assertBounds("SLASH_DOWNTIME_PERCENT", 0, 10_000);
        _assertBounds("SLASH_POOR_QUALITY_PERCENT", 0, 10_000);
        _assertBounds("SLASH_LOGGING_PERCENT", 0, 10_000);
        _assertBounds("SLASH_MALICIOUS_PERCENT", 0, 10_000);
        _assertBounds("CREDENTIAL_TTL", 1 hours, 7 days);
        _assertBounds("ORACLE_COMMITTEE_SIZE", 7, 15);
        _assertBounds("TIMELOCK_DELAY_STANDARD", 1 days, 7 days);
        _assertBounds("TIMELOCK_DELAY_MAJOR", 1 days, 14 days);
        _assertBounds("TIMELOCK_DELAY_CRITICAL", 1 days, 30 days);
        _assertBounds("SESSION_SETTLE_INTERVAL", 60, 1 days);
    }

    function test_EveryKeyIsListedOnceWithAValidFirstValue() public view {
        bytes32[] memory keys = registry.keys();
        IParameterRegistry.Parameter[] memory list = registry.parameters();
        assertEq(keys.length, ParameterKeys.COUNT);
        assertEq(list.length, keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            assertEq(list[i].key, keys[i]);
            assertEq(list[i].value, registry.get(keys[i]));
            assertLe(list[i].minimum, list[i].value, "below its minimum");
            assertLe(list[i].value, list[i].maximum, "above its maximum");
            (uint256 minimum, uint256 maximum, IParameterRegistry.Tier tier) = registry.boundsOf(keys[i]);
            assertEq(list[i].minimum, minimum);
            assertEq(list[i].maximum, maximum);
            assertEq(uint256(list[i].tier), uint256(tier));
            for (uint256 j = 0; j < i; ++j) {
                assertNotEq(keys[i], keys[j], "listed twice");
            }
        }
    }

    function test_SetChangesOneValueAndTells() public {
        uint64 revision = registry.revision();
        vm.expectEmit(address(registry));
        emit IParameterRegistry.ParameterChanged(ParameterKeys.CREDENTIAL_TTL, 24 hours, 12 hours);
        _govern(ParameterKeys.CREDENTIAL_TTL, 12 hours);
        assertEq(registry.get(ParameterKeys.CREDENTIAL_TTL), 12 hours);
        assertEq(registry.revision(), revision + 1);
    }

    function test_EveryUngroupedKeyTakesBothBounds() public asGovernor {
        bytes32[] memory keys = registry.keys();
        for (uint256 i = 0; i < keys.length; ++i) {
            if (_grouped(keys[i])) continue;
            (uint256 minimum, uint256 maximum,) = registry.boundsOf(keys[i]);
            registry.set(keys[i], minimum);
            assertEq(registry.get(keys[i]), minimum);
            registry.set(keys[i], maximum);
            assertEq(registry.get(keys[i]), maximum);
        }
    }

    function test_RevertWhen_BelowTheMinimumOfAnyKey() public {
        bytes32[] memory keys = registry.keys();
        for (uint256 i = 0; i < keys.length; ++i) {
            (uint256 minimum,,) = registry.boundsOf(keys[i]);
            if (minimum != 0) _assertRefused(keys[i], minimum - 1);
        }
    }

    function test_RevertWhen_AboveTheMaximumOfAnyKey() public {
        bytes32[] memory keys = registry.keys();
        for (uint256 i = 0; i < keys.length; ++i) {
            (, uint256 maximum,) = registry.boundsOf(keys[i]);
            _assertRefused(keys[i], maximum + 1);
            _assertRefused(keys[i], type(uint256).max);
        }
    }

    function test_RevertWhen_TheKeyIsUnknown() public {
        bytes memory refusal =
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryUnknownKey.selector, UNKNOWN);
        vm.expectRevert(refusal);
        registry.get(UNKNOWN);
        vm.expectRevert(refusal);
        registry.boundsOf(UNKNOWN);
        vm.expectRevert(refusal);
        registry.getMany(_pair(ParameterKeys.MIN_STAKE, UNKNOWN));
        vm.expectRevert(refusal);
        vm.prank(address(timelock));
        registry.set(UNKNOWN, 1);
    }

    function test_RevertWhen_SetByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.set(ParameterKeys.CREDENTIAL_TTL, 12 hours);
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(guardian);
        registry.set(ParameterKeys.CREDENTIAL_TTL, 12 hours);
    }

    function test_GetManyKeepsTheOrder() public view {
        uint256[] memory values =
            registry.getMany(_pair(ParameterKeys.UNBONDING_PERIOD, ParameterKeys.MIN_STAKE));
        assertEq(values.length, 2);
        assertEq(values[0], 21 days);
        assertEq(values[1], 0.5 ether);
    }

    function testFuzz_NoValueLeavesItsBounds(uint256 index, uint256 value) public {
        bytes32[] memory keys = registry.keys();
        bytes32 key = keys[index % keys.length];
        (uint256 minimum, uint256 maximum,) = registry.boundsOf(key);
        uint256 before = registry.get(key);
        vm.prank(address(timelock));
        try registry.set(key, value) {
            assertEq(registry.get(key), value);
            assertTrue(value >= minimum && value <= maximum);
        } catch {
            assertEq(registry.get(key), before);
            assertTrue(value < minimum || value > maximum || _grouped(key));
        }
    }

    function _assertBounds(string memory name, uint256 minimum, uint256 maximum) private view {
        (uint256 low, uint256 high,) = registry.boundsOf(keccak256(bytes(name)));
        assertEq(low, minimum, name);
        assertEq(high, maximum, name);
    }

    function _assertRefused(bytes32 key, uint256 value) private {
        (uint256 minimum, uint256 maximum,) = registry.boundsOf(key);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryOutOfBounds.selector, key, value, minimum, maximum
            )
        );
        vm.prank(address(timelock));
        registry.set(key, value);
    }
}
