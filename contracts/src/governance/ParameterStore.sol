// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {ParameterBounds} from "../libraries/ParameterBounds.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";

/// @title ParameterStore
/// @notice The numbers of the ParameterRegistry: bounds of each key, rules of each group, grace of a raised stake.
abstract contract ParameterStore is AccessControlDefaultAdminRules, IParameterRegistry {
    /// @dev Value plus one, so that 0 tells an unknown key; bounds keep every value far from the maximum.
    mapping(bytes32 key => uint256) private _values;

    /// @dev Written at construction only; cheaper to deploy than a second copy of the list in the code.
    bytes32[] private _keys;

    /// @dev Least stake that is enough to stay until `_graceUntil`.
    uint128 private _graceStake;
    uint64 private _graceUntil;

    uint64 private _revision;

    constructor() {
        bytes32[] memory list = ParameterKeys.all();
        _keys = list;
        for (uint256 i = 0; i < list.length; ++i) {
            uint256 initial = ParameterBounds.specOf(list[i]).initial;
            _values[list[i]] = initial + 1;
            emit ParameterChanged(list[i], 0, initial);
        }
    }

    /// @inheritdoc IParameterRegistry
    function set(bytes32 key, uint256 value) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _write(key, value);
        _checkGroups();
    }

    /// @inheritdoc IParameterRegistry
    function setMany(bytes32[] calldata list, uint256[] calldata values)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        if (list.length != values.length) {
            revert ParameterRegistryLengthMismatch(list.length, values.length);
        }
        for (uint256 i = 0; i < list.length; ++i) {
            _write(list[i], values[i]);
        }
        _checkGroups();
    }

    /// @inheritdoc IParameterRegistry
    function setFeeShares(uint16 operatorBps, uint16 treasuryBps, uint16 stakerBps)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        _write(ParameterKeys.FEE_OPERATOR_SHARE, operatorBps);
        _write(ParameterKeys.FEE_TREASURY_SHARE, treasuryBps);
        _write(ParameterKeys.FEE_STAKER_SHARE, stakerBps);
        _checkGroups();
    }

    /// @inheritdoc IParameterRegistry
    function setReputationWeights(uint16 uptime, uint16 quality, uint16 stake, uint16 history)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        _write(ParameterKeys.REPUTATION_WEIGHT_UPTIME, uptime);
        _write(ParameterKeys.REPUTATION_WEIGHT_QUALITY, quality);
        _write(ParameterKeys.REPUTATION_WEIGHT_STAKE, stake);
        _write(ParameterKeys.REPUTATION_WEIGHT_HISTORY, history);
        _checkGroups();
    }

    /// @inheritdoc IParameterRegistry
    function get(bytes32 key) public view returns (uint256) {
        uint256 stored = _values[key];
        if (stored == 0) revert ParameterRegistryUnknownKey(key);
        return stored - 1;
    }

    /// @inheritdoc IParameterRegistry
    function getMany(bytes32[] calldata list) external view returns (uint256[] memory values) {
        values = new uint256[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            values[i] = get(list[i]);
        }
    }

    /// @inheritdoc IParameterRegistry
    function keys() external view returns (bytes32[] memory) {
        return _keys;
    }

    /// @inheritdoc IParameterRegistry
    function parameters() external view returns (Parameter[] memory list) {
        bytes32[] memory all = _keys;
        list = new Parameter[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            ParameterBounds.Spec memory spec = ParameterBounds.specOf(all[i]);
            list[i] = Parameter(all[i], get(all[i]), spec.minimum, spec.maximum, spec.tier);
        }
    }

    /// @inheritdoc IParameterRegistry
    function boundsOf(bytes32 key) external pure returns (uint256 minimum, uint256 maximum, Tier tier) {
        ParameterBounds.Spec memory spec = ParameterBounds.specOf(key);
        return (spec.minimum, spec.maximum, spec.tier);
    }

    /// @inheritdoc IParameterRegistry
    function minStake() public view returns (uint256 toEnter, uint256 toStay) {
        toEnter = get(ParameterKeys.MIN_STAKE);
        toStay = toEnter;
        if (block.timestamp < _graceUntil && _graceStake < toStay) toStay = _graceStake;
    }

    /// @inheritdoc IParameterRegistry
    function feeShares() external view returns (uint16 operatorBps, uint16 treasuryBps, uint16 stakerBps) {
        operatorBps = uint16(get(ParameterKeys.FEE_OPERATOR_SHARE));
        treasuryBps = uint16(get(ParameterKeys.FEE_TREASURY_SHARE));
        stakerBps = uint16(get(ParameterKeys.FEE_STAKER_SHARE));
    }

    /// @inheritdoc IParameterRegistry
    function reputationWeights()
        external
        view
        returns (uint16 uptime, uint16 quality, uint16 stake, uint16 history)
    {
        uptime = uint16(get(ParameterKeys.REPUTATION_WEIGHT_UPTIME));
        quality = uint16(get(ParameterKeys.REPUTATION_WEIGHT_QUALITY));
        stake = uint16(get(ParameterKeys.REPUTATION_WEIGHT_STAKE));
        history = uint16(get(ParameterKeys.REPUTATION_WEIGHT_HISTORY));
    }

    /// @inheritdoc IParameterRegistry
    function revision() public view returns (uint64) {
        return _revision;
    }

    /// @dev Every change goes through here.
    function _countChange() internal {
        ++_revision;
    }

    function _write(bytes32 key, uint256 value) private {
        ParameterBounds.Spec memory spec = ParameterBounds.specOf(key);
        if (value < spec.minimum || value > spec.maximum) {
            revert ParameterRegistryOutOfBounds(key, value, spec.minimum, spec.maximum);
        }
        uint256 old = get(key);
        if (key == ParameterKeys.MIN_STAKE) _grantGrace(old, value);
        _values[key] = value + 1;
        _countChange();
        emit ParameterChanged(key, old, value);
    }

    /// @dev A raise within the grace of an earlier one keeps the lower stake, and grants the time anew.
    function _grantGrace(uint256 old, uint256 value) private {
        if (value <= old) return;
        (, uint256 toStay) = minStake();
        _graceStake = uint128(toStay);
        _graceUntil = uint64(block.timestamp + get(ParameterKeys.STAKE_GRACE_PERIOD));
    }

    function _checkGroups() private view {
        uint256 shares = get(ParameterKeys.FEE_OPERATOR_SHARE) + get(ParameterKeys.FEE_TREASURY_SHARE)
            + get(ParameterKeys.FEE_STAKER_SHARE);
        if (shares != ParameterBounds.BPS) revert ParameterRegistryFeeSharesSum(shares);

        uint256 weights = get(ParameterKeys.REPUTATION_WEIGHT_UPTIME)
            + get(ParameterKeys.REPUTATION_WEIGHT_QUALITY) + get(ParameterKeys.REPUTATION_WEIGHT_STAKE)
            + get(ParameterKeys.REPUTATION_WEIGHT_HISTORY);
        if (weights != ParameterBounds.MAX_SCORE) revert ParameterRegistryWeightsSum(weights);

        _checkOrder(ParameterKeys.FEE_FLOOR, ParameterKeys.FEE_CEILING);
        _checkOrder(ParameterKeys.TIMELOCK_DELAY_STANDARD, ParameterKeys.TIMELOCK_DELAY_MAJOR);
        _checkOrder(ParameterKeys.TIMELOCK_DELAY_MAJOR, ParameterKeys.TIMELOCK_DELAY_CRITICAL);

        // A settlement is possible in the last claim period.
        _checkOrder(ParameterKeys.SESSION_SETTLE_INTERVAL, ParameterKeys.SESSION_CLAIM_PERIOD);
        // A session that is closed when a rotation is scheduled has ended, dispute included, before it is executed.
        uint256 ending = get(ParameterKeys.SESSION_CLAIM_PERIOD) + get(ParameterKeys.SESSION_DISPUTE_PERIOD);
        uint256 notice = get(ParameterKeys.TIMELOCK_DELAY_CRITICAL);
        if (ending >= notice) revert ParameterRegistrySessionEndsTooLate(ending, notice);
    }

    function _checkOrder(bytes32 lower, bytes32 higher) private view {
        if (get(lower) > get(higher)) revert ParameterRegistryUnordered(lower, higher);
    }
}
