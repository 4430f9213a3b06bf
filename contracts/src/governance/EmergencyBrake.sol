// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IStandingListener} from "../interfaces/IStandingListener.sol";
import {ParameterStore} from "./ParameterStore.sol";

/// @title EmergencyBrake
/// @notice Pause and node blacklist of the ParameterRegistry. Whatever a guardian does ends by itself.
abstract contract EmergencyBrake is ParameterStore {
    using EnumerableSet for EnumerableSet.Bytes32Set;

    /// @notice May pause, and end a guardian's pause.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");
    /// @notice May blacklist a node for a while, and clear a guardian's entry.
    bytes32 public constant BLACKLISTER_ROLE = keccak256("BLACKLISTER_ROLE");

    /// @notice Longest pause of guardians in a row.
    uint64 public constant MAX_GUARDIAN_PAUSE = 7 days;
    /// @notice Time without a pause that refills the guardians' allowance from nothing.
    uint64 public constant PAUSE_REFILL = 30 days;
    /// @notice Least allowance that a pause needs, so that it is not refreshed block by block.
    uint64 public constant MIN_GUARDIAN_PAUSE = 1 hours;
    /// @notice Longest time for which the timelock can renew a pause at once.
    uint64 public constant MAX_RENEWED_PAUSE = 30 days;
    /// @notice Duration of a guardian's blacklist entry.
    uint64 public constant GUARDIAN_BLACKLIST = 14 days;
    /// @notice Time after a guardian's entry in which no guardian can blacklist that node again.
    uint64 public constant GUARDIAN_BLACKLIST_REST = 14 days;

    /// @dev Gas for the listener; the caller has to bring it.
    uint256 private constant LISTENER_GAS = 150_000;

    struct Pause {
        uint64 until;
        bool byGuardian;
        // Allowance of the guardians at `allowanceSince`, from when on it refills.
        uint64 allowance;
        uint64 allowanceSince;
    }

    struct Entry {
        uint64 until;
        uint64 guardianAgainAt;
        bool byGuardian;
    }

    /// @dev A time without interruption in which the contracts were paused; its end is that of the next one's `before`.
    struct Stop {
        uint64 from;
        // Seconds of all stops before this one.
        uint64 before;
    }

    address private immutable _WIRER;

    Pause private _pause;
    Stop[] private _stops;
    mapping(bytes20 node => Entry) private _entries;
    EnumerableSet.Bytes32Set private _listed;
    bytes32 private _blacklistHash;
    address private _listener;

    constructor(address wirer) {
        _WIRER = wirer;
        _pause.allowance = MAX_GUARDIAN_PAUSE;
    }

    // ------------------------------------------------------------------ pause

    /// @inheritdoc IParameterRegistry
    function pause() external onlyRole(PAUSER_ROLE) {
        if (paused()) revert ParameterRegistryAlreadyPaused(_pause.until);
        uint64 allowance = pauseAllowance();
        if (allowance < MIN_GUARDIAN_PAUSE) {
            uint64 missing = (MIN_GUARDIAN_PAUSE - allowance) * PAUSE_REFILL / MAX_GUARDIAN_PAUSE;
            revert ParameterRegistryPauseSpent(uint64(block.timestamp) + missing + 1);
        }
        uint64 until = uint64(block.timestamp) + allowance;
        _setPause(Pause(until, true, 0, until));
    }

    /// @inheritdoc IParameterRegistry
    function unpause() external {
        if (!paused()) revert ParameterRegistryNotPaused();
        _checkGuardianOrAdmin(PAUSER_ROLE, _pause.byGuardian);
        uint64 left = _pause.byGuardian ? _pause.until - uint64(block.timestamp) : pauseAllowance();
        _pause = Pause(uint64(block.timestamp), false, left, uint64(block.timestamp));
        _countChange();
        emit Unpaused(msg.sender);
    }

    /// @inheritdoc IParameterRegistry
    function renewPause(uint64 duration) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (duration == 0 || duration > MAX_RENEWED_PAUSE) {
            revert ParameterRegistryPauseTooLong(duration, MAX_RENEWED_PAUSE);
        }
        uint64 until = uint64(block.timestamp) + duration;
        _setPause(Pause(until, false, pauseAllowance(), until));
    }

    /// @inheritdoc IParameterRegistry
    function pauseAllowance() public view returns (uint64) {
        if (block.timestamp <= _pause.allowanceSince) return _pause.allowance;
        uint256 refilled =
            _pause.allowance + (block.timestamp - _pause.allowanceSince) * MAX_GUARDIAN_PAUSE / PAUSE_REFILL;
        return refilled < MAX_GUARDIAN_PAUSE ? uint64(refilled) : MAX_GUARDIAN_PAUSE;
    }

    /// @inheritdoc IParameterRegistry
    function paused() public view returns (bool) {
        return block.timestamp < _pause.until;
    }

    /// @inheritdoc IParameterRegistry
    function pausedUntil() public view returns (uint64) {
        return _pause.until;
    }

    /// @inheritdoc IParameterRegistry
    function pausedTime(uint64 from) external view returns (uint64) {
        return _pausedBefore(uint64(block.timestamp)) - _pausedBefore(from);
    }

    // -------------------------------------------------------------- blacklist

    /// @inheritdoc IParameterRegistry
    function blacklistNode(bytes20 node, bytes32 reason) external onlyRole(BLACKLISTER_ROLE) {
        Entry memory entry = _entries[node];
        if (nodeBlacklisted(node)) revert ParameterRegistryAlreadyBlacklisted(node, entry.until);
        if (block.timestamp < entry.guardianAgainAt) {
            revert ParameterRegistryBlacklistSpent(node, entry.guardianAgainAt);
        }
        uint64 until = uint64(block.timestamp) + GUARDIAN_BLACKLIST;
        _list(node, Entry(until, until + GUARDIAN_BLACKLIST_REST, true), reason);
    }

    /// @inheritdoc IParameterRegistry
    function extendBlacklist(bytes20 node, uint64 until, bytes32 reason)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        if (until <= block.timestamp) revert ParameterRegistryInvalidTime(until);
        _list(node, Entry(until, _entries[node].guardianAgainAt, false), reason);
    }

    /// @inheritdoc IParameterRegistry
    function clearNode(bytes20 node) external {
        if (!nodeBlacklisted(node)) revert ParameterRegistryNotBlacklisted(node);
        _checkGuardianOrAdmin(BLACKLISTER_ROLE, _entries[node].byGuardian);
        _unlist(node);
    }

    /// @inheritdoc IParameterRegistry
    function pruneBlacklist(bytes20[] calldata nodes) external {
        for (uint256 i = 0; i < nodes.length; ++i) {
            if (_listed.contains(nodes[i]) && !nodeBlacklisted(nodes[i])) _unlist(nodes[i]);
        }
    }

    /// @inheritdoc IParameterRegistry
    function nodeBlacklisted(bytes20 node) public view returns (bool) {
        return block.timestamp < _entries[node].until;
    }

    /// @inheritdoc IParameterRegistry
    function nodeBlacklistedUntil(bytes20 node) external view returns (uint64) {
        return _entries[node].until;
    }

    /// @inheritdoc IParameterRegistry
    function blacklist(uint256 cursor, uint256 limit)
        external
        view
        returns (bytes20[] memory nodes, uint64[] memory untils, uint256 next)
    {
        uint256 count = _listed.length();
        uint256 start = cursor < count ? cursor : count;
        uint256 end = limit < count - start ? start + limit : count;
        nodes = new bytes20[](end - start);
        untils = new uint64[](end - start);
        for (uint256 i = start; i < end; ++i) {
            nodes[i - start] = bytes20(_listed.at(i));
            untils[i - start] = _entries[nodes[i - start]].until;
        }
        next = end < count ? end : 0;
    }

    // --------------------------------------------------------------- listener

    /// @inheritdoc IParameterRegistry
    function wireStandingListener(address listener) external {
        if (msg.sender != _WIRER) revert ParameterRegistryNotWirer(msg.sender);
        if (_listener != address(0)) revert ParameterRegistryAlreadyWired();
        if (listener.code.length == 0) revert ParameterRegistryNotAContract(listener);
        _listener = listener;
        emit StandingListenerWired(listener);
    }

    /// @inheritdoc IParameterRegistry
    function standingListener() external view returns (address) {
        return _listener;
    }

    function _blacklistState() internal view returns (uint256 count, bytes32 hash) {
        return (_listed.length(), _blacklistHash);
    }

    function _setPause(Pause memory next) private {
        if (!paused()) _stops.push(Stop(uint64(block.timestamp), _pausedBefore(uint64(block.timestamp))));
        _pause = next;
        _countChange();
        emit Paused(msg.sender, next.until);
    }

    /// @dev Seconds of pause until `time`, which is not in the future.
    function _pausedBefore(uint64 time) private view returns (uint64) {
        uint256 low = 0;
        uint256 high = _stops.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (_stops[middle].from <= time) low = middle + 1;
            else high = middle;
        }
        if (low == 0) return 0;
        Stop memory stop = _stops[low - 1];
        uint64 length = low == _stops.length ? _pause.until - stop.from : _stops[low].before - stop.before;
        return stop.before + (time - stop.from < length ? time - stop.from : length);
    }

    function _list(bytes20 node, Entry memory entry, bytes32 reason) private {
        if (node == bytes20(0)) revert ParameterRegistryInvalidNode();
        _entries[node] = entry;
        _listed.add(node);
        emit NodeBlacklisted(node, entry.until, reason, msg.sender);
        _announce(node, entry.until);
    }

    function _unlist(bytes20 node) private {
        _entries[node].until = 0;
        _listed.remove(node);
        emit NodeCleared(node, msg.sender);
        _announce(node, 0);
    }

    /// @dev The listener cannot stop the brake; a caller cannot starve the listener of gas either.
    function _announce(bytes20 node, uint64 until) private {
        _blacklistHash = keccak256(abi.encode(_blacklistHash, node, until));
        _countChange();
        if (_listener == address(0)) return;
        if (gasleft() < LISTENER_GAS * 64 / 63 + 10_000) revert ParameterRegistryListenerGas();
        try IStandingListener(_listener).onBlacklistChanged{gas: LISTENER_GAS}(node) {}
        catch {
            emit StandingListenerFailed(node);
        }
    }

    /// @dev The default admin always may; a guardian only undoes what a guardian did.
    function _checkGuardianOrAdmin(bytes32 guardianRole, bool byGuardian) private view {
        if (hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) return;
        if (!byGuardian || !hasRole(guardianRole, msg.sender)) {
            revert ParameterRegistryUnauthorized(msg.sender);
        }
    }
}
