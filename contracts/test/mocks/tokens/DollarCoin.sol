// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title DollarCoin
/// @notice Like USDC: 6 decimals, permit, a pause and a blacklist that stop everything, approvals included.
contract DollarCoin is ERC20Permit {
    error Stopped();

    bool public stopped;
    mapping(address who => bool) public blocked;

    constructor() ERC20("Dollar Coin", "USDX") ERC20Permit("Dollar Coin") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setStopped(bool on) external {
        stopped = on;
    }

    function setBlocked(address who, bool on) external {
        blocked[who] = on;
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!stopped && !blocked[from] && !blocked[to], Stopped());
        super._update(from, to, amount);
    }

    function _approve(address owner, address spender, uint256 amount, bool emits) internal override {
        require(!stopped && !blocked[owner] && !blocked[spender], Stopped());
        super._approve(owner, spender, amount, emits);
    }
}
