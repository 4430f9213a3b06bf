// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterKeys} from "../../../src/libraries/ParameterKeys.sol";

/// @title ParametersDouble
/// @notice What the gateway contracts read of the ParameterRegistry, freely settable.
contract ParametersDouble {
    error UnknownKey(bytes32 key);

    mapping(bytes32 key => uint256) private _values;
    mapping(address token => bool) public acceptedToken;
    bool public paused;
    bool public broken;
    address public treasury;
    uint16[3] private _shares;

    constructor(address treasury_) {
        treasury = treasury_;
        _shares = [8_000, 1_000, 1_000];
        acceptedToken[address(0)] = true;
        _values[ParameterKeys.SESSION_MAX_DURATION] = 30 days;
        _values[ParameterKeys.SESSION_SETTLE_INTERVAL] = 60;
        _values[ParameterKeys.SESSION_CLAIM_PERIOD] = 3 days;
        _values[ParameterKeys.SESSION_DISPUTE_PERIOD] = 7 days;
        _values[ParameterKeys.DISPUTE_BOND] = 0.01 ether;
    }

    function set(bytes32 key, uint256 value) external {
        _values[key] = value;
    }

    function setPaused(bool on) external {
        paused = on;
    }

    /// @dev From now on the shares cannot be read.
    function setBroken(bool on) external {
        broken = on;
    }

    function setAccepted(address token, bool on) external {
        acceptedToken[token] = on;
    }

    function setTreasury(address treasury_) external {
        treasury = treasury_;
    }

    function setShares(uint16 operatorBps, uint16 treasuryBps, uint16 stakerBps) external {
        _shares = [operatorBps, treasuryBps, stakerBps];
    }

    function feeShares() external view returns (uint16, uint16, uint16) {
        require(!broken, "broken");
        return (_shares[0], _shares[1], _shares[2]);
    }

    function get(bytes32 key) public view returns (uint256) {
        if (_values[key] == 0) revert UnknownKey(key);
        return _values[key];
    }

    function getMany(bytes32[] calldata keys) external view returns (uint256[] memory values) {
        values = new uint256[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            values[i] = get(keys[i]);
        }
    }
}
