// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IDelayPolicy
/// @notice Says how long an operation of the timelock has to wait at least.
interface IDelayPolicy {
    /// @notice Seconds that the call `data` on `target`, from the timelock, must be public before it runs.
    /// @dev Never less than one day, whatever the parameters say.
    function delayFor(address target, bytes calldata data) external view returns (uint256);
}
