// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";
import {IDelayPolicy} from "../../src/interfaces/IDelayPolicy.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

contract TieredTimelockTest is GovernanceTest {
    bytes32 private constant SALT = "salt";

    function test_AStandardOperationWaitsADay() public {
        bytes memory data = abi.encodeCall(registry.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours));
        _expectTooShort(1 days - 1, 1 days);
        _schedule(address(registry), data, 1 days - 1);

        _schedule(address(registry), data, 1 days);
        skip(1 days - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(registry), data);
        skip(1);
        _execute(address(registry), data);
        assertEq(registry.get(ParameterKeys.CREDENTIAL_TTL), 2 hours);
    }

    function test_AMajorOperationWaitsLonger() public {
        bytes memory data = abi.encodeCall(registry.set, (ParameterKeys.MIN_STAKE, 1 ether));
        _expectTooShort(3 days - 1, 3 days);
        _schedule(address(registry), data, 3 days - 1);
        _schedule(address(registry), data, 3 days);
        skip(3 days);
        _execute(address(registry), data);
        assertEq(registry.get(ParameterKeys.MIN_STAKE), 1 ether);
    }

    function test_ACriticalOperationWaitsLongest() public {
        bytes memory data = abi.encodeCall(registry.setTreasury, (stranger));
        _expectTooShort(7 days - 1, 7 days);
        _schedule(address(registry), data, 7 days - 1);
        _schedule(address(registry), data, 7 days);
        skip(7 days);
        _execute(address(registry), data);
        assertEq(registry.treasury(), stranger);
    }

    function test_ABatchWaitsAsLongAsItsSlowestCall() public {
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch();
        _expectTooShort(7 days - 1, 7 days);
        vm.prank(proposer);
        timelock.scheduleBatch(targets, values, payloads, 0, SALT, 7 days - 1);
        vm.prank(proposer);
        timelock.scheduleBatch(targets, values, payloads, 0, SALT, 7 days);
        skip(7 days);
        vm.prank(executor);
        timelock.executeBatch(targets, values, payloads, 0, SALT);
        assertEq(registry.treasury(), stranger);
        assertEq(registry.get(ParameterKeys.CREDENTIAL_TTL), 2 hours);
    }

    function test_RevertWhen_ABatchHasOddLengths() public {
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch();
        vm.expectPartialRevert(TimelockController.TimelockInvalidOperationLength.selector);
        vm.prank(proposer);
        timelock.scheduleBatch(targets, values, new bytes[](1), 0, SALT, 30 days);
        vm.expectPartialRevert(TimelockController.TimelockInvalidOperationLength.selector);
        vm.prank(proposer);
        timelock.scheduleBatch(targets, new uint256[](1), payloads, 0, SALT, 30 days);
    }

    /// @dev The exploit: a grant scheduled by the core in phase 1 was executed years later.
    function test_A23_anOperationLapses() public {
        bytes memory data = abi.encodeCall(registry.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours));
        _schedule(address(registry), data, 1 days);
        bytes32 id = timelock.hashOperation(address(registry), 0, data, 0, SALT);
        skip(1 days + timelock.OPERATION_GRACE() - 1);
        assertTrue(timelock.isOperationReady(id), "ready");
        skip(1);
        assertFalse(timelock.isOperation(id), "lapsed");
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(registry), data);
        // It can be scheduled anew, with its whole delay.
        _schedule(address(registry), data, 1 days);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(registry), data);
        skip(1 days);
        _execute(address(registry), data);
        assertTrue(timelock.isOperationDone(id), "done");
        skip(365 days);
        assertTrue(timelock.isOperationDone(id), "done for good");
    }

    function test_TheGeneralDelayMovesWithinOneAndTwoDays() public {
        assertEq(timelock.getMinDelay(), 1 days);
        _updateDelay(2 days);
        assertEq(timelock.getMinDelay(), 2 days);
        // It now holds for what used to be standard.
        bytes memory data = abi.encodeCall(registry.unpause, ());
        assertEq(timelock.requiredDelay(address(registry), data), 2 days);
        _expectTooShort(2 days - 1, 2 days);
        _schedule(address(registry), data, 2 days - 1);
        _updateDelay(1 days);
        assertEq(timelock.requiredDelay(address(registry), data), 1 days);
    }

    function test_RevertWhen_TheGeneralDelayLeavesItsBounds() public {
        vm.startPrank(address(timelock));
        vm.expectRevert(
            abi.encodeWithSelector(
                TieredTimelock.TieredTimelockDelayOutOfBounds.selector, 1 days - 1, 1 days, 2 days
            )
        );
        timelock.updateDelay(1 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                TieredTimelock.TieredTimelockDelayOutOfBounds.selector, 2 days + 1, 1 days, 2 days
            )
        );
        timelock.updateDelay(2 days + 1);
        vm.stopPrank();
    }

    function test_RevertWhen_TheGeneralDelayIsSetFromOutside() public {
        vm.expectPartialRevert(TimelockController.TimelockUnauthorizedCaller.selector);
        vm.prank(proposer);
        timelock.updateDelay(2 days);
    }

    function test_RevertWhen_ProposedByAnybodyElse() public {
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(stranger);
        timelock.schedule(stranger, 0, "", 0, SALT, 30 days);
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) = _batch();
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(executor);
        timelock.scheduleBatch(targets, values, payloads, 0, SALT, 30 days);
    }

    function test_RevertWhen_ExecutedByAnybodyElse() public {
        bytes memory data = abi.encodeCall(registry.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours));
        _schedule(address(registry), data, 1 days);
        skip(1 days);
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(stranger);
        timelock.execute(address(registry), 0, data, 0, SALT);
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(proposer);
        timelock.execute(address(registry), 0, data, 0, SALT);
    }

    function test_ProposersCancel() public {
        bytes memory data = abi.encodeCall(registry.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours));
        _schedule(address(registry), data, 1 days);
        bytes32 id = timelock.hashOperation(address(registry), 0, data, 0, SALT);
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(executor);
        timelock.cancel(id);
        vm.prank(proposer);
        timelock.cancel(id);
        skip(1 days);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(registry), data);
    }

    function test_NobodyButItselfIsItsAdmin() public view {
        bytes32 admin = timelock.DEFAULT_ADMIN_ROLE();
        assertTrue(timelock.hasRole(admin, address(timelock)));
        assertFalse(timelock.hasRole(admin, address(this)));
        assertFalse(timelock.hasRole(admin, proposer));
        assertFalse(timelock.hasRole(admin, executor));
    }

    function test_TheDeployerWiresThePolicyOnce() public {
        TieredTimelock fresh = new TieredTimelock(_one(proposer), _one(executor), address(this));
        assertEq(address(fresh.delayPolicy()), address(0));

        vm.expectRevert(abi.encodeWithSelector(TieredTimelock.TieredTimelockNotWirer.selector, stranger));
        vm.prank(stranger);
        fresh.wireDelayPolicy(registry);
        vm.expectRevert(
            abi.encodeWithSelector(TieredTimelock.TieredTimelockNotAContract.selector, address(0))
        );
        fresh.wireDelayPolicy(IDelayPolicy(address(0)));

        vm.expectEmit(address(fresh));
        emit TieredTimelock.DelayPolicyWired(address(registry));
        fresh.wireDelayPolicy(registry);
        assertEq(address(fresh.delayPolicy()), address(registry));
        vm.expectRevert(TieredTimelock.TieredTimelockAlreadyWired.selector);
        fresh.wireDelayPolicy(registry);
    }

    function test_RevertWhen_ScheduledBeforeItIsWired() public {
        TieredTimelock fresh = new TieredTimelock(_one(proposer), _one(executor), address(this));
        vm.expectRevert(TieredTimelock.TieredTimelockNotWired.selector);
        vm.prank(proposer);
        fresh.schedule(stranger, 0, "", 0, SALT, 30 days);
    }

    function _batch()
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory payloads)
    {
        targets = new address[](2);
        values = new uint256[](2);
        payloads = new bytes[](2);
        targets[0] = address(registry);
        targets[1] = address(registry);
        payloads[0] = abi.encodeCall(registry.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours));
        payloads[1] = abi.encodeCall(registry.setTreasury, (stranger));
    }

    function _schedule(address target, bytes memory data, uint256 delay) private {
        vm.prank(proposer);
        timelock.schedule(target, 0, data, 0, SALT, delay);
    }

    function _execute(address target, bytes memory data) private {
        vm.prank(executor);
        timelock.execute(target, 0, data, 0, SALT);
    }

    function _updateDelay(uint256 delay) private {
        vm.prank(address(timelock));
        timelock.updateDelay(delay);
    }

    function _expectTooShort(uint256 delay, uint256 required) private {
        vm.expectRevert(
            abi.encodeWithSelector(TimelockController.TimelockInsufficientDelay.selector, delay, required)
        );
    }
}
