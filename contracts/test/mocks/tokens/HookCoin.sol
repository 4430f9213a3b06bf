// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title HookCoin
/// @notice Like ERC-777, but worse: calls whatever it was told to in the middle of each transfer.
contract HookCoin is ERC20 {
    address private _target;
    bytes private _data;
    bool private _busy;
    bool public called;
    bool public succeeded;
    bytes public answer;

    constructor() ERC20("Hook Coin", "HOOK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function hook(address target, bytes calldata data) external {
        _target = target;
        _data = data;
        called = false;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_target == address(0) || _busy) return;
        _busy = true;
        (succeeded, answer) = _target.call(_data);
        called = true;
        _busy = false;
    }
}
