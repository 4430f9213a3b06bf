// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GatewayRoles} from "./GatewayRoles.sol";
import {GovernanceRoles} from "./GovernanceRoles.sol";
import {ReputationRoles} from "./ReputationRoles.sol";

/// @notice Every function that changes anything, with who may call it.
abstract contract RoleTable is GovernanceRoles, ReputationRoles, GatewayRoles {
    /// @dev Brings the system into a state in which most rows can succeed.
    function _prepare() internal {
        vm.startPrank(core);
        system.timelock.schedule(stranger, 0, "", 0, WAITING, 7 days);
        system.timelock.schedule(stranger, 0, "", 0, READY, 3 days);
        system.timelock.scheduleBatch(_targets(), new uint256[](1), new bytes[](1), 0, READY, 3 days);
        vm.stopPrank();
        vm.prank(config.committee[MEMBERS - 1]);
        system.oracle.resign();
        skip(14 days);

        vm.prank(operator);
        system.nodes.offerOperator(node.node, user);
        session = _open(bytes20(0));
        attestedSession = _open(ACCOUNT);
        roamingSession = _openRoaming();
        vm.prank(guardian);
        system.parameters.blacklistNode(freshNode.node, "");
    }

    function _fill() internal {
        _fillTimelock();
        _fillAccess();
        _fillParameters();
        _fillEmergency();
        _fillNodes();
        _fillNodeRoles();
        _fillOracle();
        _fillSlashing();
        _fillSplitter();
        _fillSessions();
        _fillSettlement();
    }
}
