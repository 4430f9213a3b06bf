// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";

/// @notice Calls that the timelock makes together.
struct Operation {
    address[] targets;
    uint256[] values;
    bytes[] payloads;
}

/// @title Operations
/// @notice How an operation is scheduled, executed and cancelled.
library Operations {
    function single(address target, bytes memory payload) internal pure returns (Operation memory operation) {
        operation = Operation(new address[](1), new uint256[](1), new bytes[](1));
        operation.targets[0] = target;
        operation.payloads[0] = payload;
    }

    /// @dev Call for a proposer.
    function scheduling(Operation memory operation, TieredTimelock timelock, bytes32 salt)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodeCall(
            timelock.scheduleBatch,
            (operation.targets, operation.values, operation.payloads, 0, salt, delay(operation, timelock))
        );
    }

    /// @dev Call for an executor.
    function execution(Operation memory operation, TieredTimelock timelock, bytes32 salt)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(
            timelock.executeBatch, (operation.targets, operation.values, operation.payloads, 0, salt)
        );
    }

    /// @dev Call for a canceller.
    function cancellation(Operation memory operation, TieredTimelock timelock, bytes32 salt)
        internal
        pure
        returns (bytes memory)
    {
        bytes32 id = keccak256(
            abi.encode(operation.targets, operation.values, operation.payloads, bytes32(0), salt)
        );
        return abi.encodeCall(timelock.cancel, (id));
    }

    /// @dev Least delay of the slowest call.
    function delay(Operation memory operation, TieredTimelock timelock)
        internal
        view
        returns (uint256 longest)
    {
        for (uint256 i = 0; i < operation.targets.length; ++i) {
            uint256 required = timelock.requiredDelay(operation.targets[i], operation.payloads[i]);
            if (required > longest) longest = required;
        }
    }
}
