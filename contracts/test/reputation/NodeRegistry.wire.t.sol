// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {NodeRegistry} from "../../src/reputation/NodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice Construction, wiring and who has power afterwards.
contract NodeRegistryWireTest is ReputationBase {
    NodeRegistry private _fresh;

    function setUp() public override {
        super.setUp();
        _fresh = new NodeRegistry(params, governor, address(this));
    }

    function test_wire() public {
        vm.expectEmit(address(_fresh));
        emit INodeRegistry.RewardSinkUpdated(address(sink));
        _fresh.wire(alice, bob, address(sink));
        assertTrue(_fresh.hasRole(_fresh.REPORTER_ROLE(), alice), "reporter");
        assertTrue(_fresh.hasRole(_fresh.SLASHER_ROLE(), bob), "slasher");
        assertEq(_fresh.rewardSink(), address(sink));
    }

    function test_theDeployerHasNothing() public view {
        assertFalse(registry.hasRole(registry.DEFAULT_ADMIN_ROLE(), address(this)), "admin");
        assertFalse(registry.hasRole(registry.REPORTER_ROLE(), address(this)), "reporter");
        assertFalse(registry.hasRole(registry.SLASHER_ROLE(), address(this)), "slasher");
        assertEq(registry.owner(), governor);
        assertEq(registry.defaultAdminDelay(), 1 days);
    }

    function test_revertWhen_wiredTwice() public {
        _fresh.wire(alice, bob, address(0));
        vm.expectRevert(INodeRegistry.NodeRegistryCannotWire.selector);
        _fresh.wire(alice, bob, address(0));
    }

    function test_revertWhen_wiredByAnother() public {
        vm.expectRevert(INodeRegistry.NodeRegistryCannotWire.selector);
        vm.prank(governor);
        _fresh.wire(alice, bob, address(0));
    }

    function test_revertWhen_aCollaboratorIsZero() public {
        vm.expectRevert(INodeRegistry.NodeRegistryInvalidAddress.selector);
        _fresh.wire(address(0), bob, address(0));
        vm.expectRevert(INodeRegistry.NodeRegistryInvalidAddress.selector);
        _fresh.wire(alice, address(0), address(0));
    }

    function test_revertWhen_anArgumentIsZero() public {
        vm.expectRevert(INodeRegistry.NodeRegistryInvalidAddress.selector);
        new NodeRegistry(IParameterRegistry(address(0)), governor, address(this));
        vm.expectRevert(INodeRegistry.NodeRegistryInvalidAddress.selector);
        new NodeRegistry(params, governor, address(0));
    }

    function test_takesNoPlainEther() public {
        (bool taken,) = address(registry).call{value: 1}("");
        assertFalse(taken, "plain ether");
    }
}
