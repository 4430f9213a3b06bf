// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IEtherLedger} from "../interfaces/IEtherLedger.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";

/// @title EtherLedger
/// @notice Base of the contracts that hold ETH at stake: what they owe is credited here and pulled from here.
abstract contract EtherLedger is IEtherLedger, ReentrancyGuardTransient {
    IParameterRegistry internal immutable _PARAMETERS;

    mapping(address who => uint256 amount) private _due;
    uint256 private _treasuryDue;

    constructor(IParameterRegistry parameters) {
        _PARAMETERS = parameters;
    }

    /// @inheritdoc IEtherLedger
    function withdraw(address to) external nonReentrant {
        _payOut(msg.sender, to);
    }

    /// @inheritdoc IEtherLedger
    function collectTreasury() external nonReentrant {
        uint256 amount = _treasuryDue;
        if (amount == 0) revert EtherLedgerNothingDue();
        address treasury = _PARAMETERS.treasury();
        _treasuryDue = 0;
        emit TreasuryCollected(treasury, amount);
        _send(treasury, amount);
    }

    /// @inheritdoc IEtherLedger
    function due(address who) public view returns (uint256) {
        return _due[who];
    }

    /// @inheritdoc IEtherLedger
    function treasuryDue() external view returns (uint256) {
        return _treasuryDue;
    }

    /// @notice Where the parameters come from; fixed for good.
    function parameterRegistry() external view returns (IParameterRegistry) {
        return _PARAMETERS;
    }

    function _credit(address who, uint256 amount) internal {
        if (amount == 0) return;
        _due[who] += amount;
        emit Credited(who, amount);
    }

    function _creditTreasury(uint256 amount) internal {
        if (amount == 0) return;
        _treasuryDue += amount;
        emit TreasuryCredited(amount);
    }

    /// @dev Only as the last step of a `nonReentrant` function: the receiver gets control.
    function _payOut(address who, address to) internal {
        uint256 amount = _due[who];
        if (amount == 0) revert EtherLedgerNothingDue();
        if (to == address(0)) revert EtherLedgerInvalidReceiver();
        _due[who] = 0;
        emit Withdrawn(who, to, amount);
        _send(to, amount);
    }

    function _send(address to, uint256 amount) private {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success,) = to.call{value: amount}("");
        if (!success) revert EtherLedgerTransferFailed();
    }
}
