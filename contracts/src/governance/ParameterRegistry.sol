// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

import {IAccessPolicy} from "../interfaces/IAccessPolicy.sol";
import {IDelayPolicy} from "../interfaces/IDelayPolicy.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../interfaces/IReputationOracle.sol";
import {ISlashingManager} from "../interfaces/ISlashingManager.sol";
import {ParameterBounds} from "../libraries/ParameterBounds.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {EmergencyBrake} from "./EmergencyBrake.sol";
import {ParameterStore} from "./ParameterStore.sol";

/// @title ParameterRegistry
/// @notice What governance may turn, and how slowly. See `IParameterRegistry`.
contract ParameterRegistry is EmergencyBrake {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @notice Most tokens accepted at a time.
    uint256 public constant MAX_TOKENS = 32;
    /// @notice Delay of a veto: fixed, and within the least veto period that a dispute can have.
    uint256 public constant VETO_DELAY = 1 days;

    IAccessPolicy private immutable _ACCESS_POLICY;

    address private _treasury;
    EnumerableSet.AddressSet private _tokens;
    mapping(bytes32 scope => bytes32) private _configs;

    /// @param governor The timelock: default admin, for good unless it hands over in two steps.
    /// @param guardian May pause and blacklist at first.
    /// @param wirer May wire the standing listener, once, and nothing else.
    /// @param accessPolicy_ Cards and collections that gates read through this contract.
    /// @param treasury_ Where slashed stake and the treasury's share go at first.
    /// @param tokens Accepted tokens at first, besides ETH.
    constructor(
        address governor,
        address guardian,
        address wirer,
        IAccessPolicy accessPolicy_,
        address treasury_,
        address[] memory tokens
    ) AccessControlDefaultAdminRules(1 days, governor) ParameterStore() EmergencyBrake(wirer) {
        if (address(accessPolicy_).code.length == 0) {
            revert ParameterRegistryNotAContract(address(accessPolicy_));
        }
        _ACCESS_POLICY = accessPolicy_;
        _grantRole(PAUSER_ROLE, guardian);
        _grantRole(BLACKLISTER_ROLE, guardian);
        _setTreasury(treasury_);
        _setAcceptedToken(address(0), true);
        for (uint256 i = 0; i < tokens.length; ++i) {
            _setAcceptedToken(tokens[i], true);
        }
    }

    // ------------------------------------------------------------------ lists

    /// @inheritdoc IParameterRegistry
    function setAcceptedToken(address token, bool accepted) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setAcceptedToken(token, accepted);
    }

    /// @inheritdoc IParameterRegistry
    function setTreasury(address newTreasury) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setTreasury(newTreasury);
    }

    /// @inheritdoc IParameterRegistry
    function approveConfig(bytes32 scope, bytes32 configHash) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _configs[scope] = configHash;
        _countChange();
        emit ConfigApproved(scope, configHash);
    }

    /// @inheritdoc IParameterRegistry
    function acceptedToken(address token) external view returns (bool) {
        return _tokens.contains(token);
    }

    /// @inheritdoc IParameterRegistry
    function acceptedTokens() external view returns (address[] memory) {
        return _tokens.values();
    }

    /// @inheritdoc IParameterRegistry
    function treasury() external view returns (address) {
        return _treasury;
    }

    /// @inheritdoc IParameterRegistry
    function approvedConfigHash(bytes32 scope) external view returns (bytes32) {
        return _configs[scope];
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IParameterRegistry
    function accessPolicy() external view returns (IAccessPolicy) {
        return _ACCESS_POLICY;
    }

    /// @inheritdoc IParameterRegistry
    function policyForGate() external view returns (GatePolicy memory) {
        return _policyForGate(bytes20(0));
    }

    /// @inheritdoc IParameterRegistry
    function policyForGateOf(bytes20 node) external view returns (GatePolicy memory) {
        return _policyForGate(node);
    }

    /// @inheritdoc IParameterRegistry
    function policyForOracle() external view returns (OraclePolicy memory policy) {
        policy.paused = paused();
        policy.pausedUntil = pausedUntil();
        (policy.minStake, policy.minStakeToStay) = minStake();
        policy.minScore = get(ParameterKeys.MIN_ACTIVATION_SCORE);
        policy.committeeSize = get(ParameterKeys.ORACLE_COMMITTEE_SIZE);
        (policy.blacklistCount, policy.blacklistHash) = _blacklistState();
        policy.configHash = _configs[ParameterKeys.BRIDGE_ORACLE_SCOPE];
        policy.revision = revision();
    }

    // ------------------------------------------------------------------ delay

    /// @inheritdoc IDelayPolicy
    function delayFor(address target, bytes calldata data) external view returns (uint256) {
        // Shorter than any veto period, whatever is governed while a dispute runs.
        if (bytes4(data) == ISlashingManager.veto.selector) return VETO_DELAY;
        Tier tier = target == address(this) ? _tierOfOwnCall(data) : _tierOfCall(data);
        if (tier == Tier.Critical) return get(ParameterKeys.TIMELOCK_DELAY_CRITICAL);
        if (tier == Tier.Major) return get(ParameterKeys.TIMELOCK_DELAY_MAJOR);
        return get(ParameterKeys.TIMELOCK_DELAY_STANDARD);
    }

    function _tierOfOwnCall(bytes calldata data) private pure returns (Tier) {
        bytes4 selector = bytes4(data);
        if (selector == IParameterRegistry.set.selector) {
            (bytes32 key,) = abi.decode(data[4:], (bytes32, uint256));
            return ParameterBounds.specOf(key).tier;
        }
        if (selector == IParameterRegistry.setMany.selector) {
            (bytes32[] memory list,) = abi.decode(data[4:], (bytes32[], uint256[]));
            return _slowest(list);
        }
        if (selector == IParameterRegistry.setTreasury.selector) return Tier.Critical;
        if (
            selector == IParameterRegistry.approveConfig.selector
                || selector == IParameterRegistry.renewPause.selector
                || selector == IParameterRegistry.unpause.selector
                || selector == IParameterRegistry.extendBlacklist.selector
                || selector == IParameterRegistry.clearNode.selector
        ) return Tier.Standard;
        return _tierOfCall(data);
    }

    function _slowest(bytes32[] memory list) private pure returns (Tier slowest) {
        for (uint256 i = 0; i < list.length; ++i) {
            Tier tier = ParameterBounds.specOf(list[i]).tier;
            if (tier > slowest) slowest = tier;
        }
    }

    /// @dev Who holds power changes slowest, wherever that is; all the rest is major.
    function _tierOfCall(bytes calldata data) private pure returns (Tier) {
        bytes4 selector = bytes4(data);
        if (
            selector == IAccessControl.grantRole.selector || selector == IAccessControl.revokeRole.selector
                || selector == IAccessControl.renounceRole.selector
                || selector == IAccessControlDefaultAdminRules.beginDefaultAdminTransfer.selector
                || selector == IAccessControlDefaultAdminRules.acceptDefaultAdminTransfer.selector
                || selector == IAccessControlDefaultAdminRules.changeDefaultAdminDelay.selector
                || selector == IAccessControlDefaultAdminRules.rollbackDefaultAdminDelay.selector
                || selector == Ownable.transferOwnership.selector
                || selector == Ownable.renounceOwnership.selector
                || selector == Ownable2Step.acceptOwnership.selector
                || selector == TimelockController.updateDelay.selector
                || selector == IReputationOracle.setCommittee.selector
        ) return Tier.Critical;
        return Tier.Major;
    }

    // --------------------------------------------------------------- internal

    function _policyForGate(bytes20 node) private view returns (GatePolicy memory policy) {
        policy.paused = paused();
        policy.pausedUntil = pausedUntil();
        policy.nodeBlacklisted = nodeBlacklisted(node);
        policy.credentialTtl = uint64(get(ParameterKeys.CREDENTIAL_TTL));
        policy.freeDevices = uint16(get(ParameterKeys.DEVICE_LIMIT_FREE));
        policy.paidDevices = uint16(get(ParameterKeys.DEVICE_LIMIT_PAID));
        policy.freeBandwidth = get(ParameterKeys.BANDWIDTH_FREE);
        policy.paidBandwidth = get(ParameterKeys.BANDWIDTH_PAID);
        policy.minScore = get(ParameterKeys.MIN_ACTIVATION_SCORE);
        policy.memes = _ACCESS_POLICY.memes();
        policy.thisCard = _ACCESS_POLICY.thisCardTokenId();
        policy.collections = _ACCESS_POLICY.collections();
        // Both only grow, so their sum changes with either.
        policy.revision = revision() + _ACCESS_POLICY.revision();
    }

    function _setTreasury(address newTreasury) private {
        if (newTreasury == address(0)) revert ParameterRegistryZeroAddress();
        address old = _treasury;
        _treasury = newTreasury;
        _countChange();
        emit TreasuryChanged(old, newTreasury);
    }

    function _setAcceptedToken(address token, bool accepted) private {
        if (accepted && token != address(0) && token.code.length == 0) {
            revert ParameterRegistryNotAContract(token);
        }
        if (accepted ? !_tokens.add(token) : !_tokens.remove(token)) {
            revert ParameterRegistryTokenUnchanged(token);
        }
        if (_tokens.length() > MAX_TOKENS) revert ParameterRegistryTooManyTokens(MAX_TOKENS);
        _countChange();
        emit AcceptedTokenChanged(token, accepted);
    }
}
