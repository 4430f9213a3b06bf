// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {World} from "./World.sol";

/// @notice The bootstrap phase: as deployed, without a committee, a node with the minimum stake is in good standing.
contract BootstrapTest is World {
    function _configure() internal override {
        super._configure();
        config.committee = new address[](0);
    }

    function test_aFreshNodeIsInGoodStandingWithoutACommittee() public {
        assertEq(system.oracle.committeeVersion(), 0);
        assertEq(system.oracle.members().length, 0);
        _register(freshNode, stranger, 0.5 ether);
        (bool registered, bool active, uint256 stake, uint16 score, bool blacklisted,) =
            system.nodes.standing(freshNode.node);
        assertTrue(registered && active && !blacklisted, "standing");
        assertEq(stake, 0.5 ether);
        assertEq(score, 0);
        assertGe(score, system.parameters.policyForOracle().minScore, "for the bridge oracle");
        assertGe(score, system.parameters.policyForGate().minScore, "for gates");
        ISessionManager.Terms memory terms = _terms(bytes20(0));
        terms.node = freshNode.node;
        vm.prank(user);
        system.sessions.open{value: terms.amount}(terms);
    }

    /// @dev The end of the phase: the requirement counts for the programs that read it at once.
    function test_governanceEndsThePhase() public {
        _register(freshNode, stranger, 0.5 ether);
        vm.prank(address(system.timelock));
        system.parameters.set(ParameterKeys.MIN_ACTIVATION_SCORE, 100);
        (,,, uint16 score,,) = system.nodes.standing(freshNode.node);
        assertLt(score, system.parameters.policyForOracle().minScore, "not without a score");
    }
}
