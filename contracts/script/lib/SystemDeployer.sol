// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {Config, System} from "./System.sol";
import {SystemPlan} from "./SystemPlan.sol";

/// @title SystemDeployer
/// @notice Deploys and wires what is missing of a system. What is there already is kept, whoever put it there, so it
/// can be run again after it stopped anywhere.
abstract contract SystemDeployer {
    uint256 private constant LOCAL = 31337;
    uint256 private constant SEPOLIA = 11155111;

    error SystemDeployerNoMemes();
    error SystemDeployerNoFactory();
    error SystemDeployerMissingActor(string name);
    error SystemDeployerFailed(string name);

    /// @param memes a TestMemes of an earlier run, for a configuration without Memes; or zero.
    function _deploy(Config memory config, address memes, address deployer)
        internal
        returns (System memory system)
    {
        _checkConfig(config);
        if (config.memes != address(0)) memes = config.memes;
        if (memes.codehash != keccak256(type(TestMemes).runtimeCode) && config.memes == address(0)) {
            memes = address(new TestMemes());
        }
        bytes[] memory initCodes;
        (system, initCodes) = SystemPlan.make(config, memes, deployer);
        address[] memory addresses = SystemPlan.addresses(system);
        for (uint256 i = 0; i < addresses.length; ++i) {
            if (addresses[i].code.length != 0) continue;
            (bool done,) = SystemPlan.FACTORY.call(abi.encodePacked(config.salt, initCodes[i]));
            if (!done || addresses[i].code.length == 0) {
                revert SystemDeployerFailed(SystemPlan.names()[i]);
            }
        }
        _wire(config, system);
    }

    function _checkConfig(Config memory config) private view {
        if (SystemPlan.FACTORY.code.length == 0) revert SystemDeployerNoFactory();
        if (config.actors.core == address(0)) revert SystemDeployerMissingActor("core");
        if (config.actors.executor == address(0)) revert SystemDeployerMissingActor("executor");
        if (config.actors.guardian == address(0)) revert SystemDeployerMissingActor("guardian");
        // Only a test network gets TestMemes.
        bool testNetwork = block.chainid == LOCAL || block.chainid == SEPOLIA;
        if (config.memes == address(0) && !testNetwork) revert SystemDeployerNoMemes();
    }

    /// @dev Each wiring is possible once; then nothing is left that the deployer could do.
    function _wire(Config memory config, System memory system) private {
        if (address(system.timelock.delayPolicy()) == address(0)) {
            system.timelock.wireDelayPolicy(system.parameters);
        }
        if (system.parameters.standingListener() == address(0)) {
            system.parameters.wireStandingListener(address(system.nodes));
        }
        if (!system.nodes.hasRole(system.nodes.REPORTER_ROLE(), address(system.oracle))) {
            system.nodes.wire(address(system.oracle), address(system.slashing), address(system.splitter));
        }
        if (!system.oracle.hasRole(system.oracle.SLASHER_ROLE(), address(system.slashing))) {
            _bond(config.committee, system);
            system.oracle.wire(address(system.slashing), config.committee);
        }
    }

    function _bond(address[] memory committee, System memory system) private {
        uint256 needed = system.parameters.get(ParameterKeys.COMMITTEE_BOND);
        for (uint256 i = 0; i < committee.length; ++i) {
            (uint256 bonded,,,) = system.oracle.bondOf(committee[i]);
            if (bonded < needed) system.oracle.bond{value: needed - bonded}(committee[i]);
        }
    }
}
