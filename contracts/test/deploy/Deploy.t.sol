// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Phase} from "../../script/lib/Phases.sol";
import {Config, System} from "../../script/lib/System.sol";
import {SystemCheck} from "../../script/lib/SystemCheck.sol";
import {SystemDeployer} from "../../script/lib/SystemDeployer.sol";
import {SystemPlan} from "../../script/lib/SystemPlan.sol";
import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {DeployedTest} from "./DeployedTest.sol";

/// @notice What the deploy script makes, and that its check notices what is wrong.
contract DeployTest is DeployedTest {
    // ------------------------------------------------------------ as external

    function deploy(Config memory other, address memes, address deployer) external returns (System memory) {
        return _deploy(other, memes, deployer);
    }

    function check(Phase phase, address[] memory accounts) external view {
        _checkSystem(config, system, phase, accounts);
    }

    function checkWith(Config memory other) external view {
        _checkSystem(other, system, Phase.Core, new address[](0));
    }

    // ------------------------------------------------------------- the result

    function test_TheResultIsInOrder() public view {
        _checkSystem(config, system, Phase.Core, _suspects());
    }

    function test_TheDeployerEndsWithNoPower() public {
        vm.expectRevert(TieredTimelock.TieredTimelockAlreadyWired.selector);
        system.timelock.wireDelayPolicy(system.parameters);
        vm.expectRevert(IParameterRegistry.ParameterRegistryAlreadyWired.selector);
        system.parameters.wireStandingListener(address(system.nodes));
        vm.expectRevert(INodeRegistry.NodeRegistryCannotWire.selector);
        system.nodes.wire(address(this), address(this), address(this));
        vm.expectRevert(IReputationOracle.ReputationOracleCannotWire.selector);
        system.oracle.wire(address(this), new address[](0));
    }

    function test_AgainChangesNothing() public {
        vm.recordLogs();
        System memory again = _deploy(config, address(0), address(this));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(keccak256(abi.encode(again)), keccak256(abi.encode(system)));
    }

    function test_ItGoesOnWhereverItStopped() public {
        for (uint256 stop = 0; stop <= SystemPlan.COUNT; ++stop) {
            Config memory other = config;
            other.salt = bytes32(stop + 1);
            (System memory planned, bytes[] memory initCodes) =
                SystemPlan.make(other, other.memes, address(this));
            for (uint256 i = 0; i < stop; ++i) {
                (bool done,) = SystemPlan.FACTORY.call(abi.encodePacked(other.salt, initCodes[i]));
                assertTrue(done, SystemPlan.names()[i]);
            }
            if (stop == SystemPlan.COUNT) planned.timelock.wireDelayPolicy(planned.parameters);
            System memory finished = _deploy(other, address(0), address(this));
            assertEq(keccak256(abi.encode(finished)), keccak256(abi.encode(planned)));
            _checkSystem(other, finished, Phase.Core, _suspects());
        }
    }

    function test_WhoeverPutsTheCodeThereTheWiringIsTheDeployers() public {
        Config memory other = config;
        other.salt = "other";
        vm.expectPartialRevert(TieredTimelock.TieredTimelockNotWirer.selector);
        this.deploy(other, address(0), stranger);
    }

    function test_OtherArgumentsAreOtherAddresses() public view {
        (System memory a,) = SystemPlan.make(config, config.memes, address(this));
        Config memory other = config;
        other.actors.guardian = stranger;
        (System memory b,) = SystemPlan.make(other, config.memes, address(this));
        assertEq(address(a.timelock), address(b.timelock));
        assertNotEq(
            bytes32(uint256(uint160(address(a.parameters)))),
            bytes32(uint256(uint160(address(b.parameters)))),
            "parameters"
        );
        (System memory c,) = SystemPlan.make(config, config.memes, stranger);
        assertNotEq(
            bytes32(uint256(uint160(address(a.timelock)))),
            bytes32(uint256(uint160(address(c.timelock)))),
            "timelock"
        );
    }

    function test_TheFirstCommitteeIsBondedByTheDeployer() public {
        Config memory other = config;
        other.salt = "committee";
        other.committee = new address[](9);
        for (uint160 i = 0; i < 9; ++i) {
            other.committee[i] = address(i + 1_000);
        }
        vm.deal(address(this), 9 ether);
        System memory made = _deploy(other, address(0), address(this));
        assertEq(made.oracle.members().length, 9);
        assertEq(made.oracle.threshold(), 6);
        (uint256 bonded,,,) = made.oracle.bondOf(other.committee[8]);
        assertEq(bonded, 1 ether);
        assertEq(address(this).balance, 0);
    }

    function test_WithoutATreasuryTheTimelockIsIt() public {
        Config memory other = config;
        other.treasury = address(0);
        System memory made = _deploy(other, address(0), address(this));
        assertEq(made.parameters.treasury(), address(made.timelock));
    }

    function test_ALocalChainGetsItsOwnMemesOnce() public {
        vm.chainId(31337);
        Config memory other = config;
        other.memes = address(0);
        System memory made = _deploy(other, address(0), address(this));
        assertTrue(made.memes.code.length != 0);
        System memory again = _deploy(other, made.memes, address(this));
        assertEq(again.memes, made.memes);
        // An address with other code is not taken for it.
        assertTrue(_deploy(other, address(system.nodes), address(this)).memes != address(system.nodes));
    }

    function test_SepoliaGetsTestMemes() public {
        string memory json = vm.readFile("script/config/sepolia.example.json");
        assertFalse(vm.keyExistsJson(json, ".memes"), "no memes in the example");
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        Config memory other = config;
        other.memes = address(0);
        assertTrue(_deploy(other, address(0), address(this)).memes.code.length != 0);
    }

    // --------------------------------------------------------------- refusals

    function test_RevertWhen_APublicChainHasNoMemes() public {
        Config memory other = config;
        other.memes = address(0);
        vm.chainId(1);
        vm.expectRevert(SystemDeployer.SystemDeployerNoMemes.selector);
        this.deploy(other, address(0), address(this));
    }

    function test_RevertWhen_AnActorIsMissing() public {
        Config memory other = config;
        other.actors.core = address(0);
        vm.expectRevert(abi.encodeWithSelector(SystemDeployer.SystemDeployerMissingActor.selector, "core"));
        this.deploy(other, address(0), address(this));
        other.actors.core = core;
        other.actors.executor = address(0);
        vm.expectRevert(
            abi.encodeWithSelector(SystemDeployer.SystemDeployerMissingActor.selector, "executor")
        );
        this.deploy(other, address(0), address(this));
        other.actors.executor = executor;
        other.actors.guardian = address(0);
        vm.expectRevert(
            abi.encodeWithSelector(SystemDeployer.SystemDeployerMissingActor.selector, "guardian")
        );
        this.deploy(other, address(0), address(this));
    }

    function test_RevertWhen_ThereIsNoFactory() public {
        vm.etch(SystemPlan.FACTORY, "");
        vm.expectRevert(SystemDeployer.SystemDeployerNoFactory.selector);
        this.deploy(config, address(0), address(this));
    }

    function test_RevertWhen_AConstructorRefuses() public {
        Config memory other = config;
        other.memes = stranger;
        vm.expectRevert(abi.encodeWithSelector(SystemDeployer.SystemDeployerFailed.selector, "AccessPolicy"));
        this.deploy(other, address(0), address(this));
    }

    // ----------------------------------------------------- the check's senses

    function test_TheCheckNoticesAnotherChain() public {
        vm.chainId(2);
        vm.expectPartialRevert(SystemCheck.SystemCheckWrongChain.selector);
        this.check(Phase.Core, new address[](0));
    }

    function test_TheCheckNoticesMissingCode() public {
        vm.etch(address(system.splitter), "");
        vm.expectRevert(abi.encodeWithSelector(SystemCheck.SystemCheckNoCode.selector, "splitter"));
        this.check(Phase.Core, new address[](0));
    }

    function test_TheCheckNoticesPowerTooMuch() public {
        bytes32 pauser = system.parameters.PAUSER_ROLE();
        vm.prank(address(system.timelock));
        system.parameters.grantRole(pauser, stranger);
        this.check(Phase.Core, new address[](0));
        vm.expectRevert(
            abi.encodeWithSelector(SystemCheck.SystemCheckRole.selector, "parameters: pauser", stranger, true)
        );
        this.check(Phase.Core, _suspects());
    }

    function test_TheCheckNoticesPowerTooLittle() public {
        bytes32 slasher = system.nodes.SLASHER_ROLE();
        vm.prank(address(system.timelock));
        system.nodes.revokeRole(slasher, address(system.slashing));
        vm.expectRevert(
            abi.encodeWithSelector(
                SystemCheck.SystemCheckRole.selector, "nodes: slasher", address(system.slashing), false
            )
        );
        this.check(Phase.Core, new address[](0));
    }

    function test_TheCheckNoticesAHandOverUnderWay() public {
        vm.prank(address(system.timelock));
        system.nodes.beginDefaultAdminTransfer(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(
                SystemCheck.SystemCheckWrong.selector, "pending admin of nodes", stranger, address(0)
            )
        );
        this.check(Phase.Core, new address[](0));
    }

    function test_TheCheckNoticesAnotherSink() public {
        vm.mockCall(address(system.nodes), abi.encodeCall(system.nodes.rewardSink, ()), abi.encode(stranger));
        vm.expectRevert(
            abi.encodeWithSelector(
                SystemCheck.SystemCheckWrong.selector, "reward sink", stranger, address(system.splitter)
            )
        );
        this.check(Phase.Core, new address[](0));
    }

    function test_TheCheckNoticesAnotherConfiguration() public {
        Config memory other = config;
        other.nftDelegation = stranger;
        vm.expectPartialRevert(SystemCheck.SystemCheckWrong.selector);
        this.checkWith(other);
        other = config;
        other.memes = stranger;
        vm.expectPartialRevert(SystemCheck.SystemCheckWrong.selector);
        this.checkWith(other);
        other = config;
        other.tokens = new address[](1);
        other.tokens[0] = stranger;
        vm.expectRevert(abi.encodeWithSelector(SystemCheck.SystemCheckToken.selector, stranger));
        this.checkWith(other);
    }
}
