// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Operation, Operations} from "../../script/lib/Operation.sol";
import {Phase, Phases} from "../../script/lib/Phases.sol";
import {Actors} from "../../script/lib/System.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {DeployedTest} from "./DeployedTest.sol";

/// @notice Power moves from phase to phase, by operations of the timelock alone.
contract PhasesTest is DeployedTest {
    using Operations for Operation;

    bytes4 private constant UNAUTHORIZED = IAccessControl.AccessControlUnauthorizedAccount.selector;
    bytes20 private constant NODE = bytes20(hex"a1");

    function check(Phase phase) external view {
        _checkSystem(config, system, phase, _suspects());
    }

    function handOver(Actors memory actors, Phase to) external view {
        Phases.handOver(system, actors, to);
    }

    function test_EachPhaseIsReachedAndEveryOtherIsDenied() public {
        _assertPhase(Phase.Core);
        _handOver(core, Phase.Votes);
        _assertPhase(Phase.Votes);
        _handOver(executor, Phase.Community);
        _assertPhase(Phase.Community);
    }

    function test_InTheVotesPhaseCoreCanOnlyCancel() public {
        _handOver(core, Phase.Votes);
        bytes memory data = abi.encodeCall(system.parameters.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours));
        Operation memory operation = Operations.single(address(system.parameters), data);
        _expectRefused(core, operation.scheduling(system.timelock, ""));
        _send(executor, operation.scheduling(system.timelock, ""));
        skip(1 days);
        _expectRefused(core, operation.execution(system.timelock, ""));
        _send(core, operation.cancellation(system.timelock, ""));
        // It comes again and passes when core lets it.
        _send(executor, operation.scheduling(system.timelock, "again"));
        skip(1 days);
        _send(executor, operation.execution(system.timelock, "again"));
        assertEq(system.parameters.get(ParameterKeys.CREDENTIAL_TTL), 2 hours);
    }

    function test_InTheCommunityPhaseTheCouncilCanOnlyPause() public {
        _handOver(core, Phase.Votes);
        _handOver(executor, Phase.Community);
        vm.startPrank(council);
        system.parameters.pause();
        system.parameters.unpause();
        vm.expectPartialRevert(UNAUTHORIZED);
        system.parameters.blacklistNode(NODE, "");
        vm.expectPartialRevert(UNAUTHORIZED);
        system.parameters.set(ParameterKeys.CREDENTIAL_TTL, 2 hours);
        vm.expectPartialRevert(UNAUTHORIZED);
        system.parameters.renewPause(1 days);
        vm.stopPrank();

        Operation memory operation = Operations.single(stranger, "");
        _send(executor, operation.scheduling(system.timelock, ""));
        _expectRefused(council, operation.scheduling(system.timelock, "other"));
        _expectRefused(council, operation.cancellation(system.timelock, ""));
        _expectRefused(core, operation.cancellation(system.timelock, ""));
        _expectRefused(core, operation.scheduling(system.timelock, "other"));
        skip(3 days);
        _expectRefused(council, operation.execution(system.timelock, ""));

        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(guardian);
        system.parameters.pause();
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(guardian);
        system.parameters.blacklistNode(NODE, "");
    }

    function test_AHandOverWaitsTheLongestDelay() public view {
        for (uint8 to = 2; to <= 3; ++to) {
            (address[] memory targets, uint256[] memory values, bytes[] memory payloads) =
                Phases.handOver(system, config.actors, Phase(to));
            assertEq(Operation(targets, values, payloads).delay(system.timelock), 7 days);
        }
    }

    function test_CoreCanCallAHandOverOff() public {
        Operation memory operation = _operation(Phase.Votes);
        _send(core, operation.scheduling(system.timelock, ""));
        skip(7 days - 1);
        _send(core, operation.cancellation(system.timelock, ""));
        skip(1);
        _expectRefused(executor, operation.execution(system.timelock, ""));
        _assertPhase(Phase.Core);
    }

    function test_RevertWhen_NobodyIsThereToTakeOver() public {
        Actors memory actors = config.actors;
        actors.council = address(0);
        vm.expectRevert(abi.encodeWithSelector(Phases.PhasesMissingActor.selector, "council"));
        this.handOver(actors, Phase.Community);
        actors.executor = address(0);
        vm.expectRevert(abi.encodeWithSelector(Phases.PhasesMissingActor.selector, "executor"));
        this.handOver(actors, Phase.Votes);
        vm.expectRevert(abi.encodeWithSelector(Phases.PhasesNoHandOver.selector, Phase.Core));
        this.handOver(actors, Phase.Core);
    }

    function _operation(Phase to) private view returns (Operation memory) {
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) =
            Phases.handOver(system, config.actors, to);
        return Operation(targets, values, payloads);
    }

    function _handOver(address proposer, Phase to) private {
        Operation memory operation = _operation(to);
        _send(proposer, operation.scheduling(system.timelock, "hand-over"));
        skip(operation.delay(system.timelock));
        _send(executor, operation.execution(system.timelock, "hand-over"));
    }

    function _send(address from, bytes memory data) private {
        vm.prank(from);
        (bool done, bytes memory why) = address(system.timelock).call(data);
        assertTrue(done, string(why));
    }

    function _expectRefused(address from, bytes memory data) private {
        vm.prank(from);
        (bool done,) = address(system.timelock).call(data);
        assertFalse(done, "went through");
    }

    function _assertPhase(Phase phase) private {
        for (uint8 i = 1; i <= 3; ++i) {
            if (Phase(i) != phase) vm.expectPartialRevert(SystemCheckRole.selector);
            this.check(Phase(i));
        }
    }
}
