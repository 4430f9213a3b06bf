// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Takes no ETH, but can call.
contract RefusingReceiver {
    function call(address target, uint256 value, bytes calldata data)
        external
        payable
        returns (bytes memory)
    {
        (bool success, bytes memory result) = target.call{value: value}(data);
        if (!success) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
        return result;
    }
}

/// @notice When ETH arrives, calls back and remembers how that ended.
contract ReenteringReceiver {
    address private _target;
    bytes private _data;
    bool public tried;
    bool public reentered;
    bytes public reason;

    function arm(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    function call(address target, uint256 value, bytes calldata data)
        external
        payable
        returns (bytes memory)
    {
        (bool success, bytes memory result) = target.call{value: value}(data);
        if (!success) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
        return result;
    }

    receive() external payable {
        if (_target == address(0) || tried) return;
        tried = true;
        (reentered, reason) = _target.call(_data);
    }
}
