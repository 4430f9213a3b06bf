// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Actors, System} from "./System.sol";

/// @notice Where power lies.
/// Core: the core multisig proposes, the executor multisig executes, the guardian pauses and blacklists.
/// Votes: the executor multisig proposes too, bound to votes; the core multisig can only cancel.
/// Community: the council can pause and nothing else; core and guardian have nothing left.
enum Phase {
    None,
    Core,
    Votes,
    Community
}

/// @title Phases
/// @notice The operations of the timelock that move power from one phase to the next. No step needs a new
/// deployment.
library Phases {
    error PhasesNoHandOver(Phase to);
    error PhasesMissingActor(string name);

    /// @notice One batch that leads into `to` from the phase before it; proposed by whoever proposes there.
    function handOver(System memory system, Actors memory actors, Phase to)
        internal
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory payloads)
    {
        if (to == Phase.Votes) return _toVotes(system, actors);
        if (to == Phase.Community) return _toCommunity(system, actors);
        revert PhasesNoHandOver(to);
    }

    function _toVotes(System memory system, Actors memory actors)
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory payloads)
    {
        if (actors.executor == address(0)) revert PhasesMissingActor("executor");
        targets = new address[](3);
        values = new uint256[](3);
        payloads = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            targets[i] = address(system.timelock);
        }
        bytes32 proposer = system.timelock.PROPOSER_ROLE();
        payloads[0] = abi.encodeCall(IAccessControl.grantRole, (proposer, actors.executor));
        payloads[1] =
            abi.encodeCall(IAccessControl.grantRole, (system.timelock.CANCELLER_ROLE(), actors.executor));
        payloads[2] = abi.encodeCall(IAccessControl.revokeRole, (proposer, actors.core));
    }

    function _toCommunity(System memory system, Actors memory actors)
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory payloads)
    {
        if (actors.council == address(0)) revert PhasesMissingActor("council");
        targets = new address[](4);
        values = new uint256[](4);
        payloads = new bytes[](4);
        for (uint256 i = 0; i < 3; ++i) {
            targets[i] = address(system.parameters);
        }
        bytes32 pauser = system.parameters.PAUSER_ROLE();
        payloads[0] = abi.encodeCall(IAccessControl.grantRole, (pauser, actors.council));
        payloads[1] = abi.encodeCall(IAccessControl.revokeRole, (pauser, actors.guardian));
        payloads[2] = abi.encodeCall(
            IAccessControl.revokeRole, (system.parameters.BLACKLISTER_ROLE(), actors.guardian)
        );
        targets[3] = address(system.timelock);
        payloads[3] =
            abi.encodeCall(IAccessControl.revokeRole, (system.timelock.CANCELLER_ROLE(), actors.core));
    }
}
