// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IStandingListener
/// @notice Told by the ParameterRegistry whenever a node enters or leaves the blacklist, so that the
/// NodeRegistry can announce the new standing. It is called with bounded gas, and its failure is tolerated.
interface IStandingListener {
    /// @notice The blacklist entry of `node` changed. Must stay below 150,000 gas.
    function onBlacklistChanged(bytes20 node) external;
}
