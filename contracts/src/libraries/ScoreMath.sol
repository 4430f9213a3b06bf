// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ScoreMath
/// @notice The score of a node, 0–1000, from four parts whose weights are governed and sum to 1000 (300 uptime, 300
/// quality, 200 stake, 200 history at first).
/// @dev Each part is one exact fraction, rounded down once. Averages are in parts of 10^18, points in basis points,
/// stake in wei, times in seconds, volume in bytes.
library ScoreMath {
    /// @notice 1 in fixed-point numbers.
    uint256 internal constant ONE = 1e18;
    /// @notice All points of one kind.
    uint256 internal constant BPS = 10_000;
    /// @notice Age at which history grows no more: 12 months.
    uint256 internal constant FULL_AGE = 365 days;
    /// @notice Volume at which history grows no more: 10 TB.
    uint256 internal constant FULL_VOLUME = 10e12;
    /// @notice Stake that counts, in multiples of the minimum.
    uint256 internal constant FULL_STAKE = 3;

    /// @notice What the parts are computed from.
    /// @param uptime moving average, at most `ONE`.
    /// @param throughput points, at most `BPS`.
    /// @param latency points, at most `BPS`.
    /// @param stability points, at most `BPS`.
    /// @param stake bonded.
    /// @param minimum stake that a node needs.
    /// @param age since registration.
    /// @param volume ever served.
    /// @param offences times slashed.
    /// @param ordinal 1 for an operator's first node, 2 for the second, …
    struct Inputs {
        uint256 uptime;
        uint256 throughput;
        uint256 latency;
        uint256 stability;
        uint256 stake;
        uint256 minimum;
        uint256 age;
        uint256 volume;
        uint256 offences;
        uint256 ordinal;
    }

    /// @notice Points of the whole for each part.
    struct Parts {
        uint256 uptime;
        uint256 quality;
        uint256 stake;
        uint256 history;
    }

    /// @notice The moving average after one more epoch: alpha 0.05 for the new observation. Rounded up, so that a node
    /// that is always online reaches 1.
    function step(uint256 average, bool online) internal pure returns (uint256) {
        return Math.ceilDiv(average * 19 + (online ? ONE : 0), 20);
    }

    /// @notice All parts of a score under these weights.
    function parts(Inputs memory inputs, Parts memory weights) internal pure returns (Parts memory) {
        return Parts({
            uptime: uptimePart(weights.uptime, inputs.uptime),
            quality: qualityPart(weights.quality, inputs.throughput, inputs.latency, inputs.stability),
            stake: stakePart(weights.stake, inputs.stake, inputs.minimum),
            history: historyPart(weights.history, inputs.age, inputs.volume, inputs.offences, inputs.ordinal)
        });
    }

    /// @notice The score: the sum of its parts.
    function total(Parts memory sum) internal pure returns (uint256) {
        return sum.uptime + sum.quality + sum.stake + sum.history;
    }

    /// @notice weight · average
    function uptimePart(uint256 weight, uint256 average) internal pure returns (uint256) {
        return weight * average / ONE;
    }

    /// @notice weight · (throughput + latency + stability) / 3
    function qualityPart(uint256 weight, uint256 throughput, uint256 latency, uint256 stability)
        internal
        pure
        returns (uint256)
    {
        return weight * (throughput + latency + stability) / (3 * BPS);
    }

    /// @notice weight · min(1, stake / (3 · minimum))
    function stakePart(uint256 weight, uint256 stake, uint256 minimum) internal pure returns (uint256) {
        uint256 full = FULL_STAKE * minimum;
        if (stake >= full) return weight;
        return weight * stake / full;
    }

    /// @notice weight · (2/5 · age + 2/5 · volume + 1/5 · record) / ordinal, where age and volume count up to their
    /// full values, and record is 1 without offence, 1/2 with one and 0 with more. The division by the ordinal is
    /// the Sybil rule: whoever runs many nodes does not have the history of as many operators.
    function historyPart(uint256 weight, uint256 age, uint256 volume, uint256 offences, uint256 ordinal)
        internal
        pure
        returns (uint256)
    {
        // In tenths of FULL_AGE · FULL_VOLUME, so that it stays one division.
        uint256 sum = 4 * Math.min(age, FULL_AGE) * FULL_VOLUME + 4 * Math.min(volume, FULL_VOLUME) * FULL_AGE;
        if (offences == 0) sum += 2 * FULL_AGE * FULL_VOLUME;
        else if (offences == 1) sum += FULL_AGE * FULL_VOLUME;
        return weight * sum / (10 * FULL_AGE * FULL_VOLUME * ordinal);
    }
}
