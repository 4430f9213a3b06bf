// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {
    BurningListener,
    RecordingListener,
    RefusingListener,
    ShoutingListener
} from "../mocks/StandingListeners.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @notice Who is told of changes of the blacklist, and cannot stop them.
contract ParameterRegistryListenerTest is GovernanceTest {
    bytes20 private constant NODE = bytes20(hex"a1");

    function test_TheDeployerWiresOnce() public {
        RecordingListener listener = new RecordingListener();
        assertEq(registry.standingListener(), address(0));
        vm.expectEmit(address(registry));
        emit IParameterRegistry.StandingListenerWired(address(listener));
        registry.wireStandingListener(address(listener));
        assertEq(registry.standingListener(), address(listener));

        vm.expectRevert(IParameterRegistry.ParameterRegistryAlreadyWired.selector);
        registry.wireStandingListener(address(listener));
    }

    function test_RevertWhen_AnybodyElseWires() public {
        address listener = address(new RecordingListener());
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryNotWirer.selector, address(timelock))
        );
        vm.prank(address(timelock));
        registry.wireStandingListener(listener);
    }

    function test_RevertWhen_TheListenerHasNoCode() public {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryNotAContract.selector, stranger)
        );
        registry.wireStandingListener(stranger);
    }

    function test_TheListenerHearsOfEveryChange() public {
        RecordingListener listener = new RecordingListener();
        registry.wireStandingListener(address(listener));
        vm.prank(guardian);
        registry.blacklistNode(NODE, "");
        assertTrue(listener.last() == NODE);
        assertEq(listener.count(), 1);
        vm.prank(guardian);
        registry.clearNode(NODE);
        assertEq(listener.count(), 2);
        vm.prank(address(timelock));
        registry.extendBlacklist(NODE, uint64(vm.getBlockTimestamp() + 1), "");
        assertEq(listener.count(), 3);
        skip(1);
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = NODE;
        registry.pruneBlacklist(nodes);
        assertEq(listener.count(), 4);
    }

    function test_ABrokenListenerStopsNothing() public {
        _assertBlacklists(address(new RefusingListener()));
    }

    function test_AListenerThatBurnsGasStopsNothing() public {
        _assertBlacklists(address(new BurningListener()));
    }

    function test_AListenerThatShoutsStopsNothing() public {
        _assertBlacklists(address(new ShoutingListener()));
    }

    function test_RevertWhen_TheCallerStarvesTheListener() public {
        registry.wireStandingListener(address(new RecordingListener()));
        vm.prank(guardian);
        (bool done, bytes memory why) =
            address(registry).call{gas: 250_000}(abi.encodeCall(registry.blacklistNode, (NODE, "attack")));
        assertFalse(done);
        assertTrue(bytes4(why) == IParameterRegistry.ParameterRegistryListenerGas.selector);
        assertFalse(registry.nodeBlacklisted(NODE));
    }

    function _assertBlacklists(address listener) private {
        registry.wireStandingListener(listener);
        vm.expectEmit(address(registry));
        emit IParameterRegistry.StandingListenerFailed(NODE);
        vm.prank(guardian);
        registry.blacklistNode{gas: 600_000}(NODE, "attack");
        assertTrue(registry.nodeBlacklisted(NODE));
    }
}
