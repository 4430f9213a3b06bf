// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRewardSink} from "../../src/interfaces/IRewardSink.sol";

/// @notice Remembers what it was told.
contract RecordingSink is IRewardSink {
    mapping(bytes20 node => uint256) public weights;
    uint256 public total;
    uint256 public calls;

    function onWeightChanged(bytes20 node, uint256, uint256 newWeight) external {
        total = total - weights[node] + newWeight;
        weights[node] = newWeight;
        ++calls;
    }
}

/// @notice Reverts, burns all gas, or returns a bomb of data, as told.
contract HostileSink is IRewardSink {
    enum Mode {
        Revert,
        Burn,
        Bomb,
        Accept
    }

    Mode public mode;
    uint256 public last;

    function setMode(Mode newMode) external {
        mode = newMode;
    }

    function onWeightChanged(bytes20, uint256, uint256 newWeight) external {
        if (mode == Mode.Revert) revert("no");
        if (mode == Mode.Burn) {
            for (uint256 i = 0;; ++i) {
                last = i;
            }
        }
        if (mode == Mode.Bomb) {
            assembly {
                revert(0, 1000000)
            }
        }
        last = newWeight;
    }
}
