// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ParameterKeys
/// @notice Names of the parameters: each key is the hash of its name.
library ParameterKeys {
    // Stake and standing
    bytes32 internal constant MIN_STAKE = keccak256("MIN_STAKE");
    bytes32 internal constant STAKE_GRACE_PERIOD = keccak256("STAKE_GRACE_PERIOD");
    bytes32 internal constant UNBONDING_PERIOD = keccak256("UNBONDING_PERIOD");
    bytes32 internal constant MIN_ACTIVATION_SCORE = keccak256("MIN_ACTIVATION_SCORE");

    // Slashing and disputes
    bytes32 internal constant SLASH_DOWNTIME_PERCENT = keccak256("SLASH_DOWNTIME_PERCENT");
    bytes32 internal constant SLASH_POOR_QUALITY_PERCENT = keccak256("SLASH_POOR_QUALITY_PERCENT");
    bytes32 internal constant SLASH_LOGGING_PERCENT = keccak256("SLASH_LOGGING_PERCENT");
    bytes32 internal constant SLASH_MALICIOUS_PERCENT = keccak256("SLASH_MALICIOUS_PERCENT");
    bytes32 internal constant DOWNTIME_PERIOD = keccak256("DOWNTIME_PERIOD");
    bytes32 internal constant POOR_QUALITY_PERIOD = keccak256("POOR_QUALITY_PERIOD");
    bytes32 internal constant POOR_QUALITY_SCORE = keccak256("POOR_QUALITY_SCORE");
    bytes32 internal constant DISPUTE_BOND = keccak256("DISPUTE_BOND");
    bytes32 internal constant DISPUTE_PERIOD = keccak256("DISPUTE_PERIOD");
    bytes32 internal constant DISPUTE_REWARD_SHARE = keccak256("DISPUTE_REWARD_SHARE");

    // Committee and scores
    bytes32 internal constant ORACLE_COMMITTEE_SIZE = keccak256("ORACLE_COMMITTEE_SIZE");
    bytes32 internal constant COMMITTEE_BOND = keccak256("COMMITTEE_BOND");
    bytes32 internal constant EPOCH_LENGTH = keccak256("EPOCH_LENGTH");
    bytes32 internal constant LIVENESS_PROBE_INTERVAL = keccak256("LIVENESS_PROBE_INTERVAL");
    bytes32 internal constant REPUTATION_WEIGHT_UPTIME = keccak256("REPUTATION_WEIGHT_UPTIME");
    bytes32 internal constant REPUTATION_WEIGHT_QUALITY = keccak256("REPUTATION_WEIGHT_QUALITY");
    bytes32 internal constant REPUTATION_WEIGHT_STAKE = keccak256("REPUTATION_WEIGHT_STAKE");
    bytes32 internal constant REPUTATION_WEIGHT_HISTORY = keccak256("REPUTATION_WEIGHT_HISTORY");

    // Payments
    bytes32 internal constant FEE_OPERATOR_SHARE = keccak256("FEE_OPERATOR_SHARE");
    bytes32 internal constant FEE_TREASURY_SHARE = keccak256("FEE_TREASURY_SHARE");
    bytes32 internal constant FEE_STAKER_SHARE = keccak256("FEE_STAKER_SHARE");
    bytes32 internal constant FEE_FLOOR = keccak256("FEE_FLOOR");
    bytes32 internal constant FEE_CEILING = keccak256("FEE_CEILING");
    bytes32 internal constant SESSION_SETTLE_INTERVAL = keccak256("SESSION_SETTLE_INTERVAL");
    bytes32 internal constant SESSION_MAX_DURATION = keccak256("SESSION_MAX_DURATION");
    bytes32 internal constant SESSION_CLAIM_PERIOD = keccak256("SESSION_CLAIM_PERIOD");
    bytes32 internal constant SESSION_DISPUTE_PERIOD = keccak256("SESSION_DISPUTE_PERIOD");

    // Gate
    bytes32 internal constant CREDENTIAL_TTL = keccak256("CREDENTIAL_TTL");
    bytes32 internal constant DEVICE_LIMIT_FREE = keccak256("DEVICE_LIMIT_FREE");
    bytes32 internal constant DEVICE_LIMIT_PAID = keccak256("DEVICE_LIMIT_PAID");
    bytes32 internal constant BANDWIDTH_FREE = keccak256("BANDWIDTH_FREE");
    bytes32 internal constant BANDWIDTH_PAID = keccak256("BANDWIDTH_PAID");

    // Governance itself
    bytes32 internal constant TIMELOCK_DELAY_STANDARD = keccak256("TIMELOCK_DELAY_STANDARD");
    bytes32 internal constant TIMELOCK_DELAY_MAJOR = keccak256("TIMELOCK_DELAY_MAJOR");
    bytes32 internal constant TIMELOCK_DELAY_CRITICAL = keccak256("TIMELOCK_DELAY_CRITICAL");

    /// @notice Scope of `approvedConfigHash` for the bridge oracle's governed configuration.
    bytes32 internal constant BRIDGE_ORACLE_SCOPE = keccak256("BRIDGE_ORACLE");

    /// @notice How many keys there are.
    uint256 internal constant COUNT = 39;

    /// @notice All keys, in the order above.
    function all() internal pure returns (bytes32[] memory keys) {
        bytes32[COUNT] memory list = [
            MIN_STAKE,
            STAKE_GRACE_PERIOD,
            UNBONDING_PERIOD,
            MIN_ACTIVATION_SCORE,
            SLASH_DOWNTIME_PERCENT,
            SLASH_POOR_QUALITY_PERCENT,
            SLASH_LOGGING_PERCENT,
            SLASH_MALICIOUS_PERCENT,
            DOWNTIME_PERIOD,
            POOR_QUALITY_PERIOD,
            POOR_QUALITY_SCORE,
            DISPUTE_BOND,
            DISPUTE_PERIOD,
            DISPUTE_REWARD_SHARE,
            ORACLE_COMMITTEE_SIZE,
            COMMITTEE_BOND,
            EPOCH_LENGTH,
            LIVENESS_PROBE_INTERVAL,
            REPUTATION_WEIGHT_UPTIME,
            REPUTATION_WEIGHT_QUALITY,
            REPUTATION_WEIGHT_STAKE,
            REPUTATION_WEIGHT_HISTORY,
            FEE_OPERATOR_SHARE,
            FEE_TREASURY_SHARE,
            FEE_STAKER_SHARE,
            FEE_FLOOR,
            FEE_CEILING,
            SESSION_SETTLE_INTERVAL,
            SESSION_MAX_DURATION,
            SESSION_CLAIM_PERIOD,
            SESSION_DISPUTE_PERIOD,
            CREDENTIAL_TTL,
            DEVICE_LIMIT_FREE,
            DEVICE_LIMIT_PAID,
            BANDWIDTH_FREE,
            BANDWIDTH_PAID,
            TIMELOCK_DELAY_STANDARD,
            TIMELOCK_DELAY_MAJOR,
            TIMELOCK_DELAY_CRITICAL
        ];
        keys = new bytes32[](COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            keys[i] = list[i];
        }
    }
}
