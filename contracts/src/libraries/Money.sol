// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";

/// @title Money
/// @notice ETH (the zero address) and ERC-20 tokens behind the same two verbs.
library Money {
    using SafeERC20 for IERC20;

    /// @notice The name of ETH wherever a token is asked for.
    address internal constant ETH = address(0);

    /// @notice Pull `amount` of the ERC-20 `token` from the caller, and say how much has really arrived.
    /// @dev A token that returns false reverts here; one that returns nothing is fine.
    function pull(address token, uint256 amount) internal returns (uint256 received) {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        received = IERC20(token).balanceOf(address(this)) - before;
    }

    /// @notice Send `amount` of `token` to `to`.
    /// @return sent false when `to` refused the ETH; a token that fails reverts.
    /// @dev Nothing of what the receiver returns is read.
    function push(address token, address to, uint256 amount) internal returns (bool sent) {
        if (token == ETH) return LowLevelCall.callNoReturn(to, amount, "");
        IERC20(token).safeTransfer(to, amount);
        return true;
    }
}
