// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ReputationOracle} from "../../src/reputation/ReputationOracle.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice slashBond, holdBond, wire and construction.
contract ReputationOracleSlashTest is ReputationBase {
    function test_slashExpelsAMember() public {
        address member = members[3];
        vm.expectEmit(address(oracle));
        emit IReputationOracle.BondSlashed(member, 0.5 ether, alice, 0.05 ether);
        vm.prank(address(manager));
        assertEq(oracle.slashBond(member, 5_000, alice, 1_000), 0.5 ether);
        assertFalse(oracle.isMember(member), "expelled");
        assertEq(oracle.members().length, MEMBERS - 1);
        assertEq(oracle.committeeVersion(), 1);
        assertEq(oracle.due(alice), 0.05 ether);
        assertEq(oracle.treasuryDue(), 0.45 ether);
        // What is left of the bond goes the usual way.
        vm.startPrank(member);
        oracle.unbond(member, 0.5 ether);
        skip(UNBONDING);
        oracle.withdrawBond(member, member);
        assertEq(member.balance, 99.5 ether);
    }

    function test_slashOfABondThatIsUnbonding() public {
        vm.startPrank(alice);
        oracle.bond{value: 2 ether}(alice);
        oracle.unbond(alice, 1 ether);
        vm.stopPrank();
        vm.prank(address(manager));
        assertEq(oracle.slashBond(alice, 10_000, address(0), 1_000), 2 ether);
        assertEq(oracle.treasuryDue(), 2 ether);
        assertEq(oracle.committeeVersion(), 1);
    }

    function test_beyondSlashingOnceUnbonded() public {
        vm.startPrank(alice);
        oracle.bond{value: 2 ether}(alice);
        oracle.unbond(alice, 2 ether);
        skip(UNBONDING);
        vm.stopPrank();
        vm.prank(address(manager));
        assertEq(oracle.slashBond(alice, 10_000, bob, 1_000), 0);
        assertEq(oracle.due(alice), 2 ether);
    }

    function test_slashRevertWhen_sharesAreAboveOne() public {
        vm.startPrank(address(manager));
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleInvalidShare.selector, 10_001)
        );
        oracle.slashBond(members[0], 10_001, alice, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleInvalidShare.selector, 10_001)
        );
        oracle.slashBond(members[0], 1, alice, 10_001);
    }

    function test_slashAndHoldRevertWhen_notSlasher() public {
        bytes memory reason = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, governor, oracle.SLASHER_ROLE()
        );
        vm.startPrank(governor);
        vm.expectRevert(reason);
        oracle.slashBond(members[0], 1, alice, 0);
        vm.expectRevert(reason);
        oracle.holdBond(members[0], timestamp());
    }

    function test_hold() public {
        vm.startPrank(alice);
        oracle.bond{value: 1 ether}(alice);
        oracle.unbond(alice, 1 ether);
        vm.stopPrank();
        uint64 until = timestamp() + 30 days;
        vm.expectEmit(address(oracle));
        emit IReputationOracle.HoldPlaced(alice, until);
        vm.prank(address(manager));
        oracle.holdBond(alice, until);
        skip(UNBONDING);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleStillUnbonding.selector, until)
        );
        vm.prank(alice);
        oracle.withdrawBond(alice, alice);
        vm.warp(until);
        vm.prank(alice);
        oracle.withdrawBond(alice, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    function test_aHoldIsBounded() public {
        vm.startPrank(alice);
        oracle.bond{value: 1 ether}(alice);
        oracle.unbond(alice, 1 ether);
        vm.stopPrank();
        vm.prank(address(manager));
        oracle.holdBond(alice, type(uint64).max);
        (,,, uint64 heldUntil) = oracle.bondOf(alice);
        assertEq(heldUntil, START + oracle.MAX_HOLD());
    }

    // ------------------------------------------------------------------------------------------------ wire

    function test_wireWithoutACommittee() public {
        ReputationOracle fresh = new ReputationOracle(params, registry, governor, address(this));
        fresh.wire(bob, new address[](0));
        assertTrue(fresh.hasRole(fresh.SLASHER_ROLE(), bob), "slasher");
        assertEq(fresh.committeeVersion(), 0);
        vm.expectRevert(IReputationOracle.ReputationOracleCannotWire.selector);
        fresh.wire(bob, new address[](0));
    }

    function test_wireRevertWhen_notDeployer() public {
        ReputationOracle fresh = new ReputationOracle(params, registry, governor, address(this));
        vm.expectRevert(IReputationOracle.ReputationOracleCannotWire.selector);
        vm.prank(governor);
        fresh.wire(bob, new address[](0));
    }

    function test_wireRevertWhen_slasherIsZero() public {
        ReputationOracle fresh = new ReputationOracle(params, registry, governor, address(this));
        vm.expectRevert(IReputationOracle.ReputationOracleInvalidAddress.selector);
        fresh.wire(address(0), new address[](0));
    }

    function test_wireRevertWhen_firstMembersHaveNoBond() public {
        ReputationOracle fresh = new ReputationOracle(params, registry, governor, address(this));
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleTooFewFit.selector, 0));
        fresh.wire(bob, members);
    }

    function test_revertWhen_aCollaboratorIsZero() public {
        vm.expectRevert(IReputationOracle.ReputationOracleInvalidAddress.selector);
        new ReputationOracle(IParameterRegistry(address(0)), registry, governor, address(this));
        vm.expectRevert(IReputationOracle.ReputationOracleInvalidAddress.selector);
        new ReputationOracle(params, INodeRegistry(address(0)), governor, address(this));
        vm.expectRevert(IReputationOracle.ReputationOracleInvalidAddress.selector);
        new ReputationOracle(params, registry, governor, address(0));
    }

    function test_theDeployerHasNothing() public view {
        assertFalse(oracle.hasRole(oracle.DEFAULT_ADMIN_ROLE(), address(this)), "admin");
        assertFalse(oracle.hasRole(oracle.SLASHER_ROLE(), address(this)), "slasher");
        assertEq(oracle.owner(), governor);
    }
}
