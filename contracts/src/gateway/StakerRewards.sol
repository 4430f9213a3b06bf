// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IPaymentSplitter} from "../interfaces/IPaymentSplitter.sol";

/// @title StakerRewards
/// @notice The stakers' part of the PaymentSplitter: who shares by which weight, and who is owed what.
/// @dev Invariant, per token and exact: `SCALE * pooled` = `carry` + the sum over nodes of what is accrued, counted
/// up to `perWeight`. Since `pooled` fits 128 bits, no product below can overflow.
abstract contract StakerRewards is IPaymentSplitter {
    struct Pool {
        bool known;
        /// Units per weight since the beginning, times SCALE. It wraps around: only differences matter.
        uint256 perWeight;
        /// What the last division left over, times SCALE.
        uint256 carry;
        /// Whole units received and not yet credited.
        uint256 pooled;
    }

    struct Accrual {
        uint256 perWeight;
        uint256 scaled;
    }

    struct Staker {
        uint256 weight;
        address beneficiary;
    }

    /// @inheritdoc IPaymentSplitter
    uint256 public constant MAX_TOKENS = 12;
    uint256 private constant SCALE = 1 << 128;

    INodeRegistry internal immutable _registry;

    address[] private _tokens;
    mapping(address token => Pool) private _pools;
    mapping(bytes20 node => mapping(address token => Accrual)) private _accruals;
    mapping(bytes20 node => Staker) private _stakers;
    /// @inheritdoc IPaymentSplitter
    uint256 public totalWeight;

    constructor(INodeRegistry registry) {
        require(address(registry).code.length != 0, PaymentSplitterInvalidCollaborator(address(registry)));
        _registry = registry;
    }

    /// @inheritdoc IPaymentSplitter
    function rewardOf(bytes20 node, address token) external view returns (uint256) {
        Accrual memory accrual = _accrued(node, token);
        return accrual.scaled / SCALE;
    }

    /// @inheritdoc IPaymentSplitter
    function staker(bytes20 node) external view returns (uint256 weight, address beneficiary) {
        Staker storage entry = _stakers[node];
        return (entry.weight, entry.beneficiary);
    }

    /// @inheritdoc IPaymentSplitter
    function tokens() external view returns (address[] memory) {
        return _tokens;
    }

    /// @inheritdoc IPaymentSplitter
    function stakerPool(address token) public view returns (uint256) {
        return _pools[token].pooled;
    }

    /// @dev Credits whole units to whoever may withdraw them.
    function _credit(address who, address token, uint256 amount) internal virtual;

    function _isKnown(address token) internal view returns (bool) {
        return _pools[token].known;
    }

    function _add(address token) internal {
        require(_tokens.length < MAX_TOKENS, PaymentSplitterTooManyTokens());
        _pools[token].known = true;
        _tokens.push(token);
        emit TokenAdded(token);
    }

    /// @dev Not without weight: an amount that waited would go to the first node that gets any.
    function _share(address token, uint256 amount, uint256 total) internal {
        Pool storage pool = _pools[token];
        pool.pooled += amount;
        require(pool.pooled <= type(uint128).max, PaymentSplitterInvalidAmount());
        uint256 scaled = pool.carry + amount * SCALE;
        pool.carry = scaled % total;
        unchecked {
            // Wraps by design, see Pool.
            pool.perWeight += scaled / total;
        }
    }

    function _update(bytes20 node, uint256 newWeight) internal {
        require(newWeight <= type(uint128).max, PaymentSplitterInvalidWeight());
        Staker storage entry = _stakers[node];
        uint256 oldWeight = entry.weight;
        address beneficiary = entry.beneficiary;
        address operator = _registry.operatorOf(node);
        bool handOver = operator != address(0) && operator != beneficiary;

        address[] memory list = _tokens;
        for (uint256 i = 0; i < list.length; ++i) {
            if (handOver) _harvest(node, list[i]);
            else _accruals[node][list[i]] = _accrued(node, list[i]);
        }
        if (handOver) {
            entry.beneficiary = operator;
            emit BeneficiaryUpdated(node, operator);
        }
        if (newWeight == oldWeight) return;
        entry.weight = newWeight;
        totalWeight = totalWeight - oldWeight + newWeight;
        emit WeightUpdated(node, oldWeight, newWeight, totalWeight);
    }

    /// @dev A node whose operator was never known has no weight, so it has nothing either.
    function _harvest(bytes20 node, address token) internal returns (uint256 whole) {
        Accrual memory accrual = _accrued(node, token);
        address beneficiary = _stakers[node].beneficiary;
        if (beneficiary != address(0)) {
            whole = accrual.scaled / SCALE;
            accrual.scaled %= SCALE;
        }
        _accruals[node][token] = accrual;
        if (whole == 0) return 0;
        _pools[token].pooled -= whole;
        _credit(beneficiary, token, whole);
        emit RewardCredited(node, beneficiary, token, whole);
    }

    function _accrued(bytes20 node, address token) private view returns (Accrual memory accrual) {
        accrual = _accruals[node][token];
        uint256 perWeight = _pools[token].perWeight;
        unchecked {
            // The difference is exact modulo 2^256, and the product is at most SCALE * pooled.
            accrual.scaled += _stakers[node].weight * (perWeight - accrual.perWeight);
        }
        accrual.perWeight = perWeight;
    }
}
