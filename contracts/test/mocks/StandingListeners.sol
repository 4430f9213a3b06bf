// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IStandingListener} from "../../src/interfaces/IStandingListener.sol";

/// @notice Remembers what it was told.
contract RecordingListener is IStandingListener {
    bytes20 public last;
    uint256 public count;

    function onBlacklistChanged(bytes20 node) external {
        last = node;
        ++count;
    }
}

/// @notice Refuses.
contract RefusingListener is IStandingListener {
    function onBlacklistChanged(bytes20) external pure {
        revert("no");
    }
}

/// @notice Burns all gas that it gets.
contract BurningListener is IStandingListener {
    function onBlacklistChanged(bytes20) external pure {
        assembly {
            invalid()
        }
    }
}

/// @notice Refuses with as much data as its gas buys.
contract ShoutingListener is IStandingListener {
    function onBlacklistChanged(bytes20) external pure {
        assembly {
            revert(0, 200000)
        }
    }
}
