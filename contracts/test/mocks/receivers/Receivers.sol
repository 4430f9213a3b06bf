// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// @title Actor
/// @notice A contract that can be told to make a call, as a user or operator that is a contract.
abstract contract Actor {
    function act(address target, uint256 value, bytes calldata data) external payable returns (bytes memory) {
        (bool success, bytes memory answer) = target.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return answer;
    }
}

/// @title RefusingReceiver
/// @notice Takes no ETH.
contract RefusingReceiver is Actor {}

/// @title BombReceiver
/// @notice Takes ETH, and answers with a megabyte of nothing.
contract BombReceiver is Actor {
    receive() external payable {
        assembly ("memory-safe") {
            return(0, 1000000)
        }
    }
}

/// @title ReentrantReceiver
/// @notice On receiving ETH or an ERC-1155 card makes the call that it was told to, and notes what came of it.
contract ReentrantReceiver is Actor, ERC1155Holder {
    address private _target;
    bytes private _data;
    uint256 public calls;
    bool public succeeded;
    bytes public answer;

    function arm(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    receive() external payable {
        _reenter();
    }

    function onERC1155Received(address from, address to, uint256 id, uint256 amount, bytes memory data)
        public
        override
        returns (bytes4)
    {
        _reenter();
        return super.onERC1155Received(from, to, id, amount, data);
    }

    function _reenter() private {
        if (_target == address(0)) return;
        ++calls;
        (succeeded, answer) = _target.call(_data);
    }
}
