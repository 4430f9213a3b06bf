// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IRewardSink
/// @notice Whoever shares rewards among nodes by weight (stake × score) hears of every change of a weight.
interface IRewardSink {
    /// @notice The weight of `node` has changed from `oldWeight` to `newWeight`, or its operator has changed.
    /// @dev Called by NodeRegistry after its own state is written, with bounded gas and inside try/catch: a sink
    /// that fails blocks nobody. The cost does not depend on the number of nodes, only on the number of reward
    /// tokens, which is bounded. The sink trusts its own record of the old weight, not `oldWeight`.
    function onWeightChanged(bytes20 node, uint256 oldWeight, uint256 newWeight) external;
}
