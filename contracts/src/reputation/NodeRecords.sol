// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {INodeRegistry, ScoreFacts, Standing} from "../interfaces/INodeRegistry.sol";
import {IRewardSink} from "../interfaces/IRewardSink.sol";
import {IStandingListener} from "../interfaces/IStandingListener.sol";
import {Bonds} from "../libraries/Bonds.sol";
import {EtherLedger} from "./EtherLedger.sol";
import {NodeProofVerifier} from "./NodeProofVerifier.sol";

/// @title NodeRecords
/// @notice The part of the NodeRegistry that keeps records, reads them, and tells the world of changes.
abstract contract NodeRecords is INodeRegistry, EtherLedger {
    using Bonds for Bonds.Bond;
    using SafeCast for uint256;

    /// @param leftAt time of the deregistration, 0 before it.
    /// @param index position in `_list`.
    /// @param fresh stake added within WEIGHT_DELAY, which has no weight before `freshUntil`.
    /// @param hasBannedKey whether `_bannedKeys` has an entry for this record.
    /// @param weight in staker rewards, as of the last change.
    /// @param reported weight that the reward sink took last.
    /// @param announced hash of the standing that was emitted last.
    struct Record {
        address operator;
        uint64 since;
        uint16 score;
        uint16 offences;
        bytes20 node;
        uint32 index;
        uint32 ordinal;
        bool leaving;
        address candidate;
        uint64 leftAt;
        Bonds.Bond bond;
        uint128 fresh;
        uint64 freshUntil;
        bool hasBannedKey;
        uint128 weight;
        uint128 reported;
        bytes32 announced;
    }

    /// @notice Time after which added stake counts for staker rewards, so that a payment's share cannot be captured
    /// by stake of that moment.
    uint64 public constant WEIGHT_DELAY = 1 days;
    /// @notice Gas that the reward sink gets.
    uint256 public constant SINK_GAS = 1_500_000;

    NodeProofVerifier internal immutable _VERIFIER = new NodeProofVerifier();

    mapping(uint256 id => Record) internal _records;
    /// @dev Also leads from addresses that were given up, and may lead to a record that is closed.
    mapping(bytes20 node => uint256 id) internal _ids;
    mapping(bytes20 node => bool) internal _retired;
    mapping(bytes20 node => bool) internal _blacklisted;
    /// @dev The key that a record gave up under which the ParameterRegistry has blacklisted it.
    mapping(uint256 id => bytes20 former) private _bannedKeys;
    mapping(bytes20 node => uint256) internal _nonces;
    mapping(address operator => uint256) internal _counts;
    uint256[] internal _list;
    uint256 internal _lastId;
    uint128 internal _staked;
    uint128 internal _unbonding;
    /// @dev Fixed by `wire`: another sink would leave the former one with weights of nodes that have left since.
    address internal _sink;
    uint256 private _totalWeight;

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc INodeRegistry
    function standing(bytes20 node)
        external
        view
        returns (bool registered, bool active, uint256 stake, uint16 score, bool blacklisted, uint64 since)
    {
        uint256 id = _presentId(node);
        Record storage record = _records[id];
        registered = id != 0;
        active = registered && _isActive(record, _minimumToStay());
        blacklisted = registered ? _isBanned(id) : _isBlacklisted(node);
        return (registered, active, record.bond.staked, record.score, blacklisted, record.since);
    }

    /// @inheritdoc INodeRegistry
    function standings(uint256 cursor, uint256 limit)
        external
        view
        returns (Standing[] memory page, uint256 next)
    {
        uint256 size;
        (size, next) = _page(cursor, limit);
        page = new Standing[](size);
        uint256 minimum = _minimumToStay();
        for (uint256 i = 0; i < size; ++i) {
            Record storage record = _records[_list[cursor + i]];
            page[i] = Standing({
                node: record.node,
                registered: true,
                active: _isActive(record, minimum),
                stake: record.bond.staked,
                score: record.score,
                blacklisted: _isBanned(_list[cursor + i]),
                since: record.since
            });
        }
    }

    /// @inheritdoc INodeRegistry
    function getActiveNodes(uint256 cursor, uint256 limit)
        external
        view
        returns (bytes20[] memory nodes, uint256 next)
    {
        return _serving(0, cursor, limit);
    }

    /// @inheritdoc INodeRegistry
    function getNodesByReputation(uint16 minimum, uint256 cursor, uint256 limit)
        external
        view
        returns (bytes20[] memory nodes, uint256 next)
    {
        return _serving(minimum, cursor, limit);
    }

    /// @inheritdoc INodeRegistry
    function nodeCount() external view returns (uint256) {
        return _list.length;
    }

    /// @inheritdoc INodeRegistry
    function nodeAt(uint256 index) external view returns (bytes20) {
        return _records[_list[index]].node;
    }

    /// @inheritdoc INodeRegistry
    function operatorOf(bytes20 node) external view returns (address) {
        return _records[_presentId(node)].operator;
    }

    /// @inheritdoc INodeRegistry
    function nodeCountOf(address operator) external view returns (uint256) {
        return _counts[operator];
    }

    /// @inheritdoc INodeRegistry
    function recordOf(bytes20 node) external view returns (uint256) {
        return _openId(node);
    }

    /// @inheritdoc INodeRegistry
    function currentNode(bytes20 node) external view returns (bytes20) {
        return _records[_openId(node)].node;
    }

    /// @inheritdoc INodeRegistry
    function stakeOf(bytes20 node)
        external
        view
        returns (uint256 staked, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil)
    {
        Bonds.Bond storage bond = _records[_presentId(node)].bond;
        return (bond.staked, bond.unbonding, bond.unbondsAt, bond.heldUntil);
    }

    /// @inheritdoc INodeRegistry
    function scoreFacts(bytes20 node) external view returns (ScoreFacts memory) {
        uint256 id = _openId(node);
        Record storage record = _records[id];
        return ScoreFacts({
            record: id,
            stake: record.bond.staked,
            minimum: _minimumToStay(),
            since: record.since,
            offences: record.offences,
            ordinal: record.ordinal
        });
    }

    /// @inheritdoc INodeRegistry
    function leftAt(bytes20 node) external view returns (uint64) {
        return _records[_openId(node)].leftAt;
    }

    /// @inheritdoc INodeRegistry
    function nonceOf(bytes20 node) external view returns (uint256) {
        return _nonces[node];
    }

    /// @inheritdoc INodeRegistry
    function registrationMessage(bytes20 node, address operator) public view returns (string memory) {
        return _VERIFIER.registration(node, operator, _nonces[node]);
    }

    /// @inheritdoc INodeRegistry
    function keyChangeMessage(bytes20 node, bytes20 newNode, address operator)
        public
        view
        returns (string memory)
    {
        return _VERIFIER.keyChange(node, newNode, operator, _nonces[node]);
    }

    /// @inheritdoc INodeRegistry
    function rewardWeight(bytes20 node) external view returns (uint256) {
        return _records[_presentId(node)].weight;
    }

    /// @inheritdoc INodeRegistry
    function totalRewardWeight() external view returns (uint256) {
        return _totalWeight;
    }

    /// @inheritdoc INodeRegistry
    function rewardSink() external view returns (address) {
        return _sink;
    }

    /// @inheritdoc INodeRegistry
    function totals() external view returns (uint256 staked, uint256 unbonding) {
        return (_staked, _unbonding);
    }

    // ------------------------------------------------------------------------------------------------ anyone

    /// @inheritdoc INodeRegistry
    function refresh(bytes20[] calldata nodes) external nonReentrant {
        for (uint256 i = 0; i < nodes.length; ++i) {
            uint256 id = _openId(nodes[i]);
            if (id != 0) _changed(id);
        }
    }

    /// @inheritdoc IStandingListener
    /// @dev Anyone may call: it only says what is so. The reward sink hears of it with the next `refresh`, as the
    /// caller grants less gas than the sink may need.
    function onBlacklistChanged(bytes20 node) external nonReentrant {
        uint256 id = _openId(node);
        if (id == 0) return;
        if (_records[id].node != node) _followBan(id, node);
        _announce(id);
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev The record of which `node` is the present address, 0 for none.
    function _presentId(bytes20 node) internal view returns (uint256 id) {
        id = _ids[node];
        if (_records[id].node != node) return 0;
    }

    /// @dev The open record that `node` leads to, 0 for none.
    function _openId(bytes20 node) internal view returns (uint256 id) {
        id = _ids[node];
        if (_records[id].operator == address(0)) return 0;
    }

    function _isBlacklisted(bytes20 node) internal view returns (bool) {
        return _blacklisted[node] || _PARAMETERS.nodeBlacklisted(node);
    }

    /// @dev Whether the record is blacklisted, by its present key or by one that it gave up.
    function _isBanned(uint256 id) internal view returns (bool) {
        Record storage record = _records[id];
        if (_isBlacklisted(record.node)) return true;
        return record.hasBannedKey && _PARAMETERS.nodeBlacklisted(_bannedKeys[id]);
    }

    /// @dev Of several former keys that are blacklisted the one that is so for longest.
    function _followBan(uint256 id, bytes20 former) private {
        Record storage record = _records[id];
        uint64 known = record.hasBannedKey ? _PARAMETERS.nodeBlacklistedUntil(_bannedKeys[id]) : 0;
        if (_PARAMETERS.nodeBlacklistedUntil(former) <= known) return;
        record.hasBannedKey = true;
        _bannedKeys[id] = former;
    }

    /// @dev The stake that counts for rewards.
    function _countedStake(Record storage record) private view returns (uint256) {
        uint256 staked = record.bond.staked;
        if (block.timestamp >= record.freshUntil) return staked;
        uint256 fresh = record.fresh;
        return staked > fresh ? staked - fresh : 0;
    }

    /// @dev To be called after every change of a record, as the last step.
    function _changed(uint256 id) internal {
        _announce(id);
        Record storage record = _records[id];
        uint256 reported = record.reported;
        uint256 weight = record.weight;
        if (weight != reported) _report(id, reported, weight);
    }

    /// @dev Emits the standing if it is another than the one emitted last, and keeps the weight.
    function _announce(uint256 id) private {
        Record storage record = _records[id];
        bytes20 node = record.node;
        bool active = _isActive(record, _minimumToStay());
        bool blacklisted = _isBanned(id);
        uint256 stake = record.bond.staked;
        uint16 score = record.score;

        bytes32 hash = keccak256(abi.encode(node, active, stake, score, blacklisted));
        if (hash != record.announced) {
            record.announced = hash;
            emit StandingChanged(node, active, stake, score, blacklisted, record.since);
        }
        // All ETH there is, times 1000, fits 128 bits.
        uint256 weight = active && !blacklisted ? _countedStake(record) * score : 0;
        uint256 before = record.weight;
        if (weight == before) return;
        record.weight = weight.toUint128();
        _totalWeight = _totalWeight - before + weight;
    }

    /// @dev Tells the sink and remembers if it took it.
    function _report(uint256 id, uint256 oldWeight, uint256 newWeight) internal {
        Record storage record = _records[id];
        if (!_notifySink(record.node, oldWeight, newWeight)) return;
        record.reported = newWeight.toUint128();
    }

    /// @dev The sink's failure stops nobody; but a caller cannot make it fail by bringing too little gas.
    function _notifySink(bytes20 node, uint256 oldWeight, uint256 newWeight) internal returns (bool) {
        address sink = _sink;
        if (sink.code.length == 0) return false;
        // The EVM keeps back one part in 64 of the gas at a call.
        if (gasleft() * 63 / 64 < SINK_GAS + 10_000) revert NodeRegistryTooLittleGas();
        try IRewardSink(sink).onWeightChanged{gas: SINK_GAS}(node, oldWeight, newWeight) {
            return true;
        } catch {
            emit RewardSinkFailed(node, newWeight);
            return false;
        }
    }

    function _minimumToStay() private view returns (uint256 toStay) {
        (, toStay) = _PARAMETERS.minStake();
    }

    function _isActive(Record storage record, uint256 minimum) private view returns (bool) {
        return !record.leaving && record.bond.staked >= minimum;
    }

    function _page(uint256 cursor, uint256 limit) private view returns (uint256 size, uint256 next) {
        uint256 length = _list.length;
        if (cursor >= length) return (0, 0);
        size = length - cursor;
        if (size <= limit) return (size, 0);
        return (limit, cursor + limit);
    }

    function _serving(uint16 minimumScore, uint256 cursor, uint256 limit)
        private
        view
        returns (bytes20[] memory nodes, uint256 next)
    {
        uint256 size;
        (size, next) = _page(cursor, limit);
        nodes = new bytes20[](size);
        uint256 minimum = _minimumToStay();
        uint256 found = 0;
        for (uint256 i = 0; i < size; ++i) {
            Record storage record = _records[_list[cursor + i]];
            if (record.score < minimumScore || !_isActive(record, minimum)) continue;
            if (_isBanned(_list[cursor + i])) continue;
            nodes[found++] = record.node;
        }
        assembly ("memory-safe") {
            mstore(nodes, found)
        }
    }
}
