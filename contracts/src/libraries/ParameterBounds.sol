// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {ParameterKeys as K} from "./ParameterKeys.sol";

/// @title ParameterBounds
/// @notice Hard bounds, first value and delay tier of each parameter. Constants: no role and no vote can pass them.
library ParameterBounds {
    IParameterRegistry.Tier private constant STANDARD = IParameterRegistry.Tier.Standard;
    IParameterRegistry.Tier private constant MAJOR = IParameterRegistry.Tier.Major;
    IParameterRegistry.Tier private constant CRITICAL = IParameterRegistry.Tier.Critical;

    /// @notice 100 % in basis points.
    uint256 internal constant BPS = 10_000;
    /// @notice Sum of the score's weights, which is the highest score.
    uint256 internal constant MAX_SCORE = 1_000;

    struct Spec {
        uint256 minimum;
        uint256 maximum;
        uint256 initial;
        IParameterRegistry.Tier tier;
    }

    /// @notice Bounds of `key`; reverts on an unknown key.
    function specOf(bytes32 key) internal pure returns (Spec memory spec) {
        spec = _stake(key);
        if (spec.maximum == 0) spec = _slashing(key);
        if (spec.maximum == 0) spec = _committee(key);
        if (spec.maximum == 0) spec = _payments(key);
        if (spec.maximum == 0) spec = _gate(key);
        if (spec.maximum == 0) spec = _governance(key);
        // Every parameter has a maximum.
        if (spec.maximum == 0) revert IParameterRegistry.ParameterRegistryUnknownKey(key);
    }

    function _stake(bytes32 key) private pure returns (Spec memory spec) {
        if (key == K.MIN_STAKE) return Spec(0.1 ether, 100 ether, 0.5 ether, MAJOR);
        if (key == K.STAKE_GRACE_PERIOD) return Spec(1 days, 90 days, 14 days, MAJOR);
        if (key == K.UNBONDING_PERIOD) return Spec(7 days, 60 days, 21 days, CRITICAL);
        // 0 until a committee posts scores, or no node could come into good standing.
        if (key == K.MIN_ACTIVATION_SCORE) return Spec(0, MAX_SCORE, 0, MAJOR);
    }

    function _slashing(bytes32 key) private pure returns (Spec memory spec) {
        if (key == K.SLASH_DOWNTIME_PERCENT) return Spec(0, BPS, 100, CRITICAL);
        if (key == K.SLASH_POOR_QUALITY_PERCENT) return Spec(0, BPS, 200, CRITICAL);
        if (key == K.SLASH_LOGGING_PERCENT) return Spec(0, BPS, 2_500, CRITICAL);
        if (key == K.SLASH_MALICIOUS_PERCENT) return Spec(0, BPS, BPS, CRITICAL);
        if (key == K.DOWNTIME_PERIOD) return Spec(1 hours, 7 days, 24 hours, CRITICAL);
        if (key == K.POOR_QUALITY_PERIOD) return Spec(1 days, 30 days, 7 days, CRITICAL);
        if (key == K.POOR_QUALITY_SCORE) return Spec(0, MAX_SCORE, 100, CRITICAL);
        if (key == K.DISPUTE_BOND) return Spec(0.001 ether, 10 ether, 0.01 ether, MAJOR);
        if (key == K.DISPUTE_PERIOD) return Spec(1 days, 30 days, 7 days, MAJOR);
        if (key == K.DISPUTE_REWARD_SHARE) return Spec(0, BPS / 2, 1_000, MAJOR);
    }

    function _committee(bytes32 key) private pure returns (Spec memory spec) {
        if (key == K.ORACLE_COMMITTEE_SIZE) return Spec(7, 15, 9, CRITICAL);
        if (key == K.COMMITTEE_BOND) return Spec(0.1 ether, 100 ether, 1 ether, CRITICAL);
        if (key == K.EPOCH_LENGTH) return Spec(10 minutes, 7 days, 1 hours, MAJOR);
        if (key == K.LIVENESS_PROBE_INTERVAL) return Spec(1 minutes, 1 days, 1 hours, STANDARD);
        if (key == K.REPUTATION_WEIGHT_UPTIME) return Spec(0, MAX_SCORE, 300, MAJOR);
        if (key == K.REPUTATION_WEIGHT_QUALITY) return Spec(0, MAX_SCORE, 300, MAJOR);
        if (key == K.REPUTATION_WEIGHT_STAKE) return Spec(0, MAX_SCORE, 200, MAJOR);
        if (key == K.REPUTATION_WEIGHT_HISTORY) return Spec(0, MAX_SCORE, 200, MAJOR);
    }

    function _payments(bytes32 key) private pure returns (Spec memory spec) {
        if (key == K.FEE_OPERATOR_SHARE) return Spec(BPS / 2, BPS, 8_000, MAJOR);
        if (key == K.FEE_TREASURY_SHARE) return Spec(0, 3_000, 1_000, MAJOR);
        if (key == K.FEE_STAKER_SHARE) return Spec(0, 3_000, 1_000, MAJOR);
        // Wei for 10^9 bytes.
        if (key == K.FEE_FLOOR) return Spec(0, 1 ether, 0, STANDARD);
        if (key == K.FEE_CEILING) return Spec(0, 1 ether, 0.01 ether, STANDARD);
        if (key == K.SESSION_SETTLE_INTERVAL) return Spec(60, 1 days, 60, STANDARD);
        if (key == K.SESSION_MAX_DURATION) return Spec(1 hours, 365 days, 30 days, STANDARD);
        if (key == K.SESSION_CLAIM_PERIOD) return Spec(1 hours, 6 days, 3 days, MAJOR);
        if (key == K.SESSION_DISPUTE_PERIOD) return Spec(1 hours, 7 days, 3 days, MAJOR);
    }

    function _gate(bytes32 key) private pure returns (Spec memory spec) {
        if (key == K.CREDENTIAL_TTL) return Spec(1 hours, 7 days, 24 hours, STANDARD);
        if (key == K.DEVICE_LIMIT_FREE) return Spec(1, 10, 3, STANDARD);
        if (key == K.DEVICE_LIMIT_PAID) return Spec(1, 10, 3, STANDARD);
        // Bytes in 30 days; 0 is no cap beyond that of the plan.
        if (key == K.BANDWIDTH_FREE) return Spec(0, 1e18, 0, STANDARD);
        if (key == K.BANDWIDTH_PAID) return Spec(0, 1e18, 0, STANDARD);
    }

    function _governance(bytes32 key) private pure returns (Spec memory spec) {
        if (key == K.TIMELOCK_DELAY_STANDARD) return Spec(1 days, 7 days, 1 days, CRITICAL);
        if (key == K.TIMELOCK_DELAY_MAJOR) return Spec(1 days, 14 days, 3 days, CRITICAL);
        if (key == K.TIMELOCK_DELAY_CRITICAL) return Spec(1 days, 30 days, 7 days, CRITICAL);
    }
}
