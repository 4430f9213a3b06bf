// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IPaymentSplitter} from "../interfaces/IPaymentSplitter.sol";
import {IRewardSink} from "../interfaces/IRewardSink.sol";
import {Money} from "../libraries/Money.sol";
import {StakerRewards} from "./StakerRewards.sol";

/// @title PaymentSplitter
/// @notice Divides payments between operator, treasury and stakers. See IPaymentSplitter.
contract PaymentSplitter is IPaymentSplitter, StakerRewards, ReentrancyGuardTransient {
    uint256 private constant BASIS_POINTS = 10_000;

    IParameterRegistry private immutable _parameters;

    mapping(address who => mapping(address token => uint256)) private _pending;
    mapping(address token => uint256) private _credits;
    /// @dev The treasury's by its role, not by its address, so that a new treasury collects what is there.
    mapping(address token => uint256) private _treasuryPending;

    /// @notice Both collaborators are fixed for good.
    constructor(IParameterRegistry parameters, INodeRegistry registry) StakerRewards(registry) {
        require(address(parameters).code.length != 0, PaymentSplitterInvalidCollaborator(address(parameters)));
        _parameters = parameters;
    }

    /// @inheritdoc IPaymentSplitter
    function split(bytes20 node, address operator, address token, uint256 amount)
        external
        payable
        nonReentrant
    {
        require(operator != address(0), PaymentSplitterInvalidOperator());
        require(msg.value == (token == Money.ETH ? amount : 0), PaymentSplitterWrongValue());
        addToken(token);
        uint256 received = token == Money.ETH ? amount : Money.pull(token, amount);
        require(received != 0 && received <= type(uint128).max, PaymentSplitterInvalidAmount());

        (, uint16 treasuryBps, uint16 stakerBps) = _parameters.feeShares();
        uint256 treasuryShare = received * treasuryBps / BASIS_POINTS;
        uint256 stakerShare = received * stakerBps / BASIS_POINTS;
        uint256 weights = totalWeight;
        if (weights == 0) (treasuryShare, stakerShare) = (treasuryShare + stakerShare, 0);
        uint256 operatorShare = received - treasuryShare - stakerShare;
        _credit(operator, token, operatorShare);
        _creditTreasury(token, treasuryShare);
        if (stakerShare != 0) _share(token, stakerShare, weights);
        emit PaymentSplit(node, operator, token, operatorShare, treasuryShare, stakerShare);
    }

    /// @inheritdoc IPaymentSplitter
    function payTreasury() external payable {
        require(msg.value != 0, PaymentSplitterInvalidAmount());
        _creditTreasury(Money.ETH, msg.value);
        emit TreasuryPaid(msg.sender, msg.value);
    }

    /// @inheritdoc IPaymentSplitter
    function addToken(address token) public {
        if (_isKnown(token)) return;
        require(_parameters.acceptedToken(token), PaymentSplitterTokenNotAccepted(token));
        _add(token);
    }

    /// @inheritdoc IPaymentSplitter
    function withdraw(address token) external nonReentrant {
        _payOut(msg.sender, token, msg.sender);
    }

    /// @inheritdoc IPaymentSplitter
    function withdrawTo(address token, address to) external nonReentrant {
        require(to != address(0), PaymentSplitterInvalidReceiver());
        _payOut(msg.sender, token, to);
    }

    /// @inheritdoc IPaymentSplitter
    function collectTreasury(address token) external nonReentrant {
        uint256 amount = _treasuryPending[token];
        _treasuryPending[token] = 0;
        address treasury = _parameters.treasury();
        _send(treasury, token, treasury, amount);
    }

    /// @inheritdoc IPaymentSplitter
    function harvest(bytes20 node, address token) external returns (uint256 credited) {
        return _harvest(node, token);
    }

    /// @inheritdoc IPaymentSplitter
    function sync(bytes20 node) external {
        // An address that its node gave up leads to the same record, and must not count a second time.
        bool current = _registry.currentNode(node) == node;
        _update(node, current ? _registry.rewardWeight(node) : 0);
    }

    /// @inheritdoc IRewardSink
    /// @dev Not behind the reentrancy guard, on purpose: a receiver of ETH that makes the registry report from
    /// within its own withdrawal would otherwise suppress the report. Nothing here calls out but to the registry.
    function onWeightChanged(bytes20 node, uint256, uint256 newWeight) external {
        require(msg.sender == address(_registry), PaymentSplitterNotRegistry());
        _update(node, newWeight);
    }

    /// @inheritdoc IPaymentSplitter
    function pending(address who, address token) external view returns (uint256) {
        return _pending[who][token];
    }

    /// @inheritdoc IPaymentSplitter
    function treasuryPending(address token) external view returns (uint256) {
        return _treasuryPending[token];
    }

    /// @inheritdoc IPaymentSplitter
    function liabilities(address token) external view returns (uint256) {
        return _credits[token] + stakerPool(token);
    }

    /// @notice Where shares, treasury and accepted tokens come from; fixed for good.
    function parameterRegistry() external view returns (IParameterRegistry) {
        return _parameters;
    }

    /// @notice Whose nodes earn the stakers' share; fixed for good.
    function nodeRegistry() external view returns (INodeRegistry) {
        return _registry;
    }

    /// @dev Zero shares leave no trace.
    function _credit(address who, address token, uint256 amount) internal override {
        if (amount == 0) return;
        _pending[who][token] += amount;
        _credits[token] += amount;
    }

    function _creditTreasury(address token, uint256 amount) private {
        _treasuryPending[token] += amount;
        _credits[token] += amount;
    }

    function _payOut(address who, address token, address to) private {
        uint256 amount = _pending[who][token];
        _pending[who][token] = 0;
        _send(who, token, to, amount);
    }

    /// @dev Takes `amount` out of the credits, of which it has to be a part.
    function _send(address who, address token, address to, uint256 amount) private {
        require(amount != 0, PaymentSplitterNothingPending());
        _credits[token] -= amount;
        emit Withdrawn(who, token, to, amount);
        require(Money.push(token, to, amount), PaymentSplitterTransferFailed());
    }
}
