// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {ParameterBounds} from "../../src/libraries/ParameterBounds.sol";
import {Phase} from "./Phases.sol";
import {Config, Lists, System} from "./System.sol";

/// @title SystemCheck
/// @notice Whether a system is wired as it should be, and whether nobody has power but those who should. Each check
/// reverts with what is wrong.
abstract contract SystemCheck {
    /// @dev One role of one contract, with those who hold it.
    struct Expected {
        address where;
        string name;
        bytes32 role;
        address[] holders;
    }

    error SystemCheckWrong(string what, address found, address expected);
    error SystemCheckNoCode(string what);
    error SystemCheckWrongChain(uint256 found, uint256 expected);
    error SystemCheckRole(string role, address account, bool found);
    error SystemCheckCommittee();
    error SystemCheckToken(address token);
    error SystemCheckParameter(bytes32 key);

    /// @param accounts all who were ever granted a role, or might have one: each has exactly what `phase` says.
    function _checkSystem(Config memory config, System memory system, Phase phase, address[] memory accounts)
        internal
        view
    {
        if (block.chainid != config.chainId) revert SystemCheckWrongChain(block.chainid, config.chainId);
        _checkCode(system);
        _checkWiring(config, system);
        _checkParameters(system);
        Expected[] memory expected = _expected(config, system, phase);
        for (uint256 i = 0; i < expected.length; ++i) {
            _checkRole(expected[i], accounts);
        }
    }

    /// @dev Who holds what in `phase`.
    function _expected(Config memory config, System memory system, Phase phase)
        internal
        view
        returns (Expected[] memory list)
    {
        address governor = address(system.timelock);
        bytes32 admin = bytes32(0);
        address[] memory proposers =
            Lists.one(phase == Phase.Core ? config.actors.core : config.actors.executor);
        address[] memory cancellers = Lists.one(config.actors.executor);
        if (phase == Phase.Core) cancellers = Lists.one(config.actors.core);
        if (phase == Phase.Votes) cancellers = Lists.two(config.actors.core, config.actors.executor);
        bool community = phase == Phase.Community;
        address[] memory pausers = Lists.one(community ? config.actors.council : config.actors.guardian);
        address[] memory blacklisters = community ? new address[](0) : pausers;

        list = new Expected[](14);
        list[0] = Expected(governor, "timelock: admin", admin, Lists.one(governor));
        list[1] = Expected(governor, "timelock: proposer", system.timelock.PROPOSER_ROLE(), proposers);
        list[2] = Expected(governor, "timelock: canceller", system.timelock.CANCELLER_ROLE(), cancellers);
        list[3] = Expected(
            governor, "timelock: executor", system.timelock.EXECUTOR_ROLE(), Lists.one(config.actors.executor)
        );
        address subject = address(system.parameters);
        list[4] = Expected(subject, "parameters: admin", admin, Lists.one(governor));
        list[5] = Expected(subject, "parameters: pauser", system.parameters.PAUSER_ROLE(), pausers);
        list[6] =
            Expected(subject, "parameters: blacklister", system.parameters.BLACKLISTER_ROLE(), blacklisters);
        subject = address(system.nodes);
        list[7] = Expected(subject, "nodes: admin", admin, Lists.one(governor));
        list[8] = Expected(
            subject, "nodes: reporter", system.nodes.REPORTER_ROLE(), Lists.one(address(system.oracle))
        );
        list[9] = Expected(
            subject, "nodes: slasher", system.nodes.SLASHER_ROLE(), Lists.one(address(system.slashing))
        );
        subject = address(system.oracle);
        list[10] = Expected(subject, "oracle: admin", admin, Lists.one(governor));
        list[11] = Expected(
            subject, "oracle: slasher", system.oracle.SLASHER_ROLE(), Lists.one(address(system.slashing))
        );
        subject = address(system.slashing);
        list[12] = Expected(subject, "slashing: admin", admin, Lists.one(governor));
        list[13] = Expected(subject, "slashing: veto", system.slashing.VETO_ROLE(), Lists.one(governor));
    }

    function _checkCode(System memory system) private view {
        _requireCode(system.memes, "memes");
        _requireCode(address(system.timelock), "timelock");
        _requireCode(address(system.access), "access policy");
        _requireCode(address(system.parameters), "parameters");
        _requireCode(address(system.nodes), "node registry");
        _requireCode(address(system.oracle), "oracle");
        _requireCode(address(system.slashing), "slashing manager");
        _requireCode(address(system.splitter), "splitter");
        _requireCode(address(system.sessions), "session manager");
    }

    function _checkWiring(Config memory config, System memory system) private view {
        address governor = address(system.timelock);
        _same("memes", system.access.memes(), system.memes);
        if (config.memes != address(0)) _same("memes as configured", system.memes, config.memes);
        _same("NFTDelegation", system.access.nftDelegation(), config.nftDelegation);
        _same("delegate.xyz", system.access.delegateXyz(), config.delegateXyz);
        _same("owner of the access policy", system.access.owner(), governor);
        _same("pending owner of the access policy", system.access.pendingOwner(), address(0));
        _same("delay policy", address(system.timelock.delayPolicy()), address(system.parameters));
        _same("access policy", address(system.parameters.accessPolicy()), address(system.access));
        _same("standing listener", system.parameters.standingListener(), address(system.nodes));
        _same("reward sink", system.nodes.rewardSink(), address(system.splitter));
        address params = address(system.parameters);
        _same("parameters of nodes", address(system.nodes.parameterRegistry()), params);
        _same("parameters of oracle", address(system.oracle.parameterRegistry()), params);
        _same("parameters of slashing", address(system.slashing.parameterRegistry()), params);
        _same("parameters of splitter", address(system.splitter.parameterRegistry()), params);
        _same("parameters of sessions", address(system.sessions.parameterRegistry()), params);
        address nodes = address(system.nodes);
        _same("nodes of oracle", address(system.oracle.nodeRegistry()), nodes);
        _same("nodes of slashing", address(system.slashing.nodeRegistry()), nodes);
        _same("nodes of splitter", address(system.splitter.nodeRegistry()), nodes);
        _same("nodes of sessions", address(system.sessions.nodeRegistry()), nodes);
        _same("oracle of slashing", address(system.slashing.reputationOracle()), address(system.oracle));
        _same("oracle of sessions", address(system.sessions.reputationOracle()), address(system.oracle));
        _same("splitter of sessions", address(system.sessions.paymentSplitter()), address(system.splitter));
        _samePending("parameters", system.parameters.pendingDefaultAdmin);
        _samePending("nodes", system.nodes.pendingDefaultAdmin);
        _samePending("oracle", system.oracle.pendingDefaultAdmin);
        _samePending("slashing", system.slashing.pendingDefaultAdmin);
        for (uint256 i = 0; i < config.tokens.length; ++i) {
            if (!system.parameters.acceptedToken(config.tokens[i])) {
                revert SystemCheckToken(config.tokens[i]);
            }
        }
    }

    /// @dev What no governance can have done either; the code forbids it, and this is the place to notice a fault.
    function _checkParameters(System memory system) private view {
        bytes32[] memory keys = system.parameters.keys();
        for (uint256 i = 0; i < keys.length; ++i) {
            ParameterBounds.Spec memory spec = ParameterBounds.specOf(keys[i]);
            uint256 value = system.parameters.get(keys[i]);
            if (value < spec.minimum || value > spec.maximum) revert SystemCheckParameter(keys[i]);
        }
        if (system.timelock.getMinDelay() < 1 days) revert SystemCheckParameter("minimum delay");
    }

    function _checkRole(Expected memory expected, address[] memory accounts) private view {
        AccessControl where = AccessControl(expected.where);
        for (uint256 i = 0; i < expected.holders.length; ++i) {
            if (!where.hasRole(expected.role, expected.holders[i])) {
                revert SystemCheckRole(expected.name, expected.holders[i], false);
            }
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (where.hasRole(expected.role, accounts[i]) && !Lists.contains(expected.holders, accounts[i])) {
                revert SystemCheckRole(expected.name, accounts[i], true);
            }
        }
    }

    function _requireCode(address account, string memory what) private view {
        if (account.code.length == 0) revert SystemCheckNoCode(what);
    }

    function _same(string memory what, address found, address expected) private pure {
        if (found != expected) revert SystemCheckWrong(what, found, expected);
    }

    function _samePending(string memory what, function() external view returns (address, uint48) pendingAdmin)
        private
        view
    {
        (address pending,) = pendingAdmin();
        if (pending != address(0)) {
            revert SystemCheckWrong(string.concat("pending admin of ", what), pending, address(0));
        }
    }
}
