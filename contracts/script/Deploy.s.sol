// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "../test/utils/Vm.sol";
import {DeploymentFile} from "./lib/DeploymentFile.sol";
import {Phase} from "./lib/Phases.sol";
import {Config, Lists, System} from "./lib/System.sol";
import {SystemCheck} from "./lib/SystemCheck.sol";
import {SystemDeployer} from "./lib/SystemDeployer.sol";

/// @title Deploy
/// @notice Deploys the system of the configuration SG_CONFIG, or what is missing of it, checks the result and writes
/// the addresses to SG_ADDRESSES. After the broadcast Check.s.sol asks the chain itself; `npm run deploy` does both.
contract Deploy is SystemDeployer, SystemCheck, DeploymentFile {
    /// @dev How forge knows a script.
    bool public constant IS_SCRIPT = true;

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error DeployPowerLeft(string where);

    function run() external returns (System memory system) {
        Config memory config = _readConfig(_configPath());
        if (block.chainid != config.chainId) revert SystemCheckWrongChain(block.chainid, config.chainId);
        Origin memory origin = _readOrigin(_addressesPath());
        uint256 startBlock = block.number;

        vm.startBroadcast();
        (, address deployer,) = vm.readCallers();
        // Another account may finish what the first began, as far as that needs no wiring.
        if (origin.deployer == address(0)) (origin.deployer, origin.fromBlock) = (deployer, startBlock);
        system = _deploy(config, origin.memes, origin.deployer);
        vm.stopBroadcast();

        Phase phase = Phase(vm.envOr("SG_PHASE", uint256(1)));
        _checkSystem(config, system, phase, Lists.two(deployer, origin.deployer));
        _checkNoPowerLeft(system, origin.deployer);
        origin.memes = system.memes;
        _writeFile(_addressesPath(), system, origin);
    }

    /// @dev Each one-time wiring is over, tried by the only one who could have done it.
    function _checkNoPowerLeft(System memory system, address deployer) internal {
        vm.startPrank(deployer);
        try system.timelock.wireDelayPolicy(system.parameters) {
            revert DeployPowerLeft("timelock");
        } catch {}
        try system.parameters.wireStandingListener(address(system.nodes)) {
            revert DeployPowerLeft("parameters");
        } catch {}
        try system.nodes.wire(deployer, deployer, deployer) {
            revert DeployPowerLeft("nodes");
        } catch {}
        try system.oracle.wire(deployer, new address[](0)) {
            revert DeployPowerLeft("oracle");
        } catch {}
        vm.stopPrank();
    }
}
