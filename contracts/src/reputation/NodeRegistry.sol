// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {INodeRegistry, NodeProof} from "../interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {Bonds} from "../libraries/Bonds.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {EtherLedger} from "./EtherLedger.sol";
import {NodeProofVerifier} from "./NodeProofVerifier.sol";
import {NodeRecords} from "./NodeRecords.sol";

/// @title NodeRegistry
/// @notice See INodeRegistry.
contract NodeRegistry is NodeRecords, AccessControlDefaultAdminRules {
    using Bonds for Bonds.Bond;
    using SafeCast for uint256;

    /// @notice May set scores.
    bytes32 public constant REPORTER_ROLE = keccak256("REPORTER_ROLE");
    /// @notice May slash, hold and blacklist.
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    /// @notice Longest hold.
    uint64 public constant MAX_HOLD = 60 days;
    /// @notice Highest score.
    uint16 public constant MAX_SCORE = 1_000;

    address private _deployer;

    /// @param governor the timelock: default admin, unless it hands over in two steps.
    /// @param deployer may `wire`, once, and nothing else.
    constructor(IParameterRegistry parameters, address governor, address deployer)
        EtherLedger(parameters)
        AccessControlDefaultAdminRules(1 days, governor)
    {
        if (address(parameters) == address(0) || deployer == address(0)) {
            revert NodeRegistryInvalidAddress();
        }
        _deployer = deployer;
    }

    modifier whenNotPaused() {
        if (_PARAMETERS.paused()) revert NodeRegistryPaused();
        _;
    }

    // ------------------------------------------------------------------------------------------------ operator

    /// @inheritdoc INodeRegistry
    function registerNode(bytes20 node, bytes calldata pubKey33, bytes calldata signature, uint8 form)
        external
        payable
        nonReentrant
        whenNotPaused
    {
        _requireFree(node);
        (uint256 minimum,) = _PARAMETERS.minStake();
        if (msg.value < minimum) revert NodeRegistryStakeTooLow(msg.value, minimum);
        _requireProof(node, registrationMessage(node, msg.sender), NodeProof(pubKey33, signature, form));
        ++_nonces[node];

        uint256 id = ++_lastId;
        uint256 ordinal = ++_counts[msg.sender];
        Record storage record = _records[id];
        record.operator = msg.sender;
        record.since = uint64(block.timestamp);
        record.node = node;
        record.index = _list.length.toUint32();
        record.ordinal = ordinal.toUint32();
        _ids[node] = id;
        _list.push(id);
        _addStake(record, msg.value);
        emit NodeRegistered(node, msg.sender, id, msg.value, ordinal);
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function topUp(bytes20 node) external payable nonReentrant {
        (uint256 id, Record storage record) = _operated(node);
        if (record.leaving) revert NodeRegistryDeregistered(node);
        if (msg.value == 0) revert NodeRegistryZeroAmount();
        _addStake(record, msg.value);
        if (block.timestamp >= record.freshUntil) record.fresh = 0;
        record.fresh += uint128(msg.value);
        record.freshUntil = uint64(block.timestamp) + WEIGHT_DELAY;
        emit StakeAdded(node, msg.value);
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function requestWithdrawal(bytes20 node, uint256 amount) external nonReentrant {
        (uint256 id, Record storage record) = _operated(node);
        if (record.leaving) revert NodeRegistryDeregistered(node);
        if (amount == 0) revert NodeRegistryZeroAmount();
        (uint256 minimum,) = _PARAMETERS.minStake();
        uint256 staked = record.bond.staked;
        uint256 remaining = amount > staked ? 0 : staked - amount;
        if (remaining < minimum) revert NodeRegistryStakeTooLow(remaining, minimum);
        _unbond(record, amount);
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function deregisterNode(bytes20 node) external nonReentrant {
        (uint256 id, Record storage record) = _operated(node);
        if (record.leaving) revert NodeRegistryDeregistered(node);
        record.leaving = true;
        record.leftAt = uint64(block.timestamp);
        emit NodeDeregistered(node);
        _unbond(record, record.bond.staked);
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function withdrawStake(bytes20 node, address to) external nonReentrant {
        (uint256 id, Record storage record) = _operated(node);
        _release(record);
        bool locked = record.bond.unbonding != 0;
        if (record.leaving && !locked) {
            _close(id);
            if (due(msg.sender) == 0) return;
        } else if (locked && due(msg.sender) == 0) {
            revert NodeRegistryStillUnbonding(record.bond.freeAt());
        }
        _payOut(msg.sender, to);
    }

    /// @inheritdoc INodeRegistry
    function changeKey(
        bytes20 node,
        bytes20 newNode,
        NodeProof calldata oldProof,
        NodeProof calldata newProof
    ) external nonReentrant whenNotPaused {
        (uint256 id, Record storage record) = _operated(node);
        if (record.leaving) revert NodeRegistryDeregistered(node);
        if (_isBanned(id)) revert NodeRegistryBlacklisted(node);
        _requireFree(newNode);
        string memory message = keyChangeMessage(node, newNode, msg.sender);
        _requireProof(node, message, oldProof);
        _requireProof(newNode, message, newProof);
        ++_nonces[node];

        _retired[node] = true;
        _ids[newNode] = id;
        record.node = newNode;
        record.announced = 0;
        uint256 reported = record.reported;
        record.reported = 0;
        emit KeyChanged(node, newNode, id);
        emit StandingChanged(node, false, 0, 0, false, 0);
        if (reported != 0) _notifySink(node, reported, 0);
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function offerOperator(bytes20 node, address candidate) external {
        (, Record storage record) = _operated(node);
        record.candidate = candidate;
        emit OperatorOffered(node, msg.sender, candidate);
    }

    /// @inheritdoc INodeRegistry
    function acceptOperator(bytes20 node, NodeProof calldata proof) external nonReentrant whenNotPaused {
        uint256 id = _presentId(node);
        Record storage record = _records[id];
        if (id == 0) revert NodeRegistryNotRegistered(node);
        if (record.candidate != msg.sender) revert NodeRegistryNotOffered(msg.sender);
        if (record.leaving) revert NodeRegistryDeregistered(node);
        _requireProof(node, registrationMessage(node, msg.sender), proof);
        ++_nonces[node];

        _release(record);
        address oldOperator = record.operator;
        --_counts[oldOperator];
        record.ordinal = (++_counts[msg.sender]).toUint32();
        record.operator = msg.sender;
        record.candidate = address(0);
        emit OperatorChanged(node, oldOperator, msg.sender);
        // The sink pays another from now on, even though the weight stays.
        _report(id, record.weight, record.weight);
        _changed(id);
    }

    // ------------------------------------------------------------------------------------------------ roles

    /// @inheritdoc INodeRegistry
    function updateReputationScore(bytes20 node, uint16 score) external nonReentrant onlyRole(REPORTER_ROLE) {
        if (score > MAX_SCORE) revert NodeRegistryInvalidScore(score);
        (uint256 id, Record storage record) = _open(node);
        record.score = score;
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function slash(bytes20 node, uint256 bps, bytes32 offence) external returns (uint256 taken) {
        return slashAndReward(node, bps, offence, address(0), 0);
    }

    /// @inheritdoc INodeRegistry
    function slashAndReward(bytes20 node, uint256 bps, bytes32 offence, address rewarded, uint256 rewardBps)
        public
        nonReentrant
        onlyRole(SLASHER_ROLE)
        returns (uint256 taken)
    {
        if (bps > Bonds.BPS) revert NodeRegistryInvalidShare(bps);
        if (rewardBps > Bonds.BPS) revert NodeRegistryInvalidShare(rewardBps);
        (uint256 id, Record storage record) = _open(node);
        _release(record);
        (uint256 fromStake, uint256 fromUnbonding) = record.bond.slash(bps);
        _staked -= fromStake.toUint128();
        _unbonding -= fromUnbonding.toUint128();
        if (record.offences != type(uint16).max) ++record.offences;

        taken = fromStake + fromUnbonding;
        uint256 reward = rewarded == address(0) ? 0 : taken * rewardBps / Bonds.BPS;
        emit NodeSlashed(record.node, offence, fromStake, fromUnbonding, rewarded, reward);
        _credit(rewarded, reward);
        _creditTreasury(taken - reward);
        _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function hold(bytes20 node, uint64 until) external onlyRole(SLASHER_ROLE) {
        (, Record storage record) = _open(node);
        uint64 latest = uint64(block.timestamp) + MAX_HOLD;
        if (until > latest) until = latest;
        record.bond.hold(until);
        emit HoldPlaced(record.node, until);
    }

    /// @inheritdoc INodeRegistry
    function lift(bytes20 node) external onlyRole(SLASHER_ROLE) {
        (, Record storage record) = _open(node);
        record.bond.lift();
        emit HoldLifted(record.node);
    }

    /// @inheritdoc INodeRegistry
    function blacklist(bytes20 node) external nonReentrant {
        if (!hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) _checkRole(SLASHER_ROLE);
        uint256 id = _openId(node);
        if (id != 0) node = _records[id].node;
        _blacklisted[node] = true;
        emit BlacklistUpdated(node, true);
        if (id != 0) _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function unblacklist(bytes20 node) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _blacklisted[node] = false;
        emit BlacklistUpdated(node, false);
        uint256 id = _presentId(node);
        if (id != 0) _changed(id);
    }

    /// @inheritdoc INodeRegistry
    function wire(address reporter, address slasher, address sink) external {
        if (msg.sender != _deployer) revert NodeRegistryCannotWire();
        if (reporter == address(0) || slasher == address(0)) revert NodeRegistryInvalidAddress();
        _deployer = address(0);
        _grantRole(REPORTER_ROLE, reporter);
        _grantRole(SLASHER_ROLE, slasher);
        _sink = sink;
        emit RewardSinkUpdated(sink);
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _operated(bytes20 node) private view returns (uint256 id, Record storage record) {
        id = _presentId(node);
        record = _records[id];
        if (id == 0) revert NodeRegistryNotRegistered(node);
        if (record.operator != msg.sender) revert NodeRegistryNotOperator(msg.sender);
    }

    function _open(bytes20 node) private view returns (uint256 id, Record storage record) {
        id = _openId(node);
        record = _records[id];
        if (id == 0) revert NodeRegistryNotRegistered(node);
    }

    /// @dev That `node` can take a record; a record that only waits for its closing does not stand in the way.
    function _requireFree(bytes20 node) private {
        if (_retired[node]) revert NodeRegistryRetired(node);
        if (_isBlacklisted(node)) revert NodeRegistryBlacklisted(node);
        uint256 id = _presentId(node);
        if (id == 0) return;
        Record storage record = _records[id];
        _release(record);
        if (!record.leaving || record.bond.unbonding != 0) revert NodeRegistryAlreadyRegistered(node);
        _close(id);
    }

    function _requireProof(bytes20 node, string memory message, NodeProof memory proof) private view {
        NodeProofVerifier.Result result = _VERIFIER.check(node, message, proof);
        if (result == NodeProofVerifier.Result.WrongKey) revert NodeRegistryWrongKey(node);
        if (result == NodeProofVerifier.Result.WrongSignature) revert NodeRegistryWrongSignature(node);
    }

    function _addStake(Record storage record, uint256 amount) private {
        record.bond.add(amount);
        _staked += amount.toUint128();
    }

    function _unbond(Record storage record, uint256 amount) private {
        _release(record);
        record.bond.unbond(amount, _PARAMETERS.get(ParameterKeys.UNBONDING_PERIOD));
        _staked -= amount.toUint128();
        _unbonding += amount.toUint128();
        emit UnbondingStarted(record.node, amount, record.bond.freeAt());
    }

    /// @dev What is free is the operator's, out of the reach of slashing.
    function _release(Record storage record) private {
        uint256 amount = record.bond.release();
        if (amount == 0) return;
        _unbonding -= amount.toUint128();
        emit StakeUnbonded(record.node, record.operator, amount);
        _credit(record.operator, amount);
    }

    function _close(uint256 id) private {
        _changed(id);
        Record storage record = _records[id];
        bytes20 node = record.node;
        uint256 last = _list[_list.length - 1];
        _list[record.index] = last;
        _records[last].index = record.index;
        _list.pop();
        --_counts[record.operator];
        delete _ids[node];
        delete _records[id];
        emit NodeClosed(node, id);
        emit StandingChanged(node, false, 0, 0, _isBlacklisted(node), 0);
    }
}
