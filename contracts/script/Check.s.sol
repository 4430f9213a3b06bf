// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Vm} from "../test/utils/Vm.sol";
import {DeploymentFile} from "./lib/DeploymentFile.sol";
import {Phase} from "./lib/Phases.sol";
import {Config, System} from "./lib/System.sol";
import {SystemCheck} from "./lib/SystemCheck.sol";
import {SystemPlan} from "./lib/SystemPlan.sol";

/// @title Check
/// @notice Asks the chain whether a deployed system is what its configuration says, in the phase SG_PHASE (1 core,
/// 2 votes, 3 community): code and arguments of every contract, wiring, bounds, and exactly the right holders of
/// every role, among all who were ever granted one. Sends nothing.
contract Check is SystemCheck, DeploymentFile {
    /// @dev How forge knows a script.
    bool public constant IS_SCRIPT = true;

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address[] private _accounts;

    function run() external returns (string memory) {
        Config memory config = _readConfig(_configPath());
        string memory path = _addressesPath();
        Origin memory origin = _readOrigin(path);
        (System memory system,) = SystemPlan.make(config, origin.memes, origin.deployer);
        _checkFile(path, system);
        _accounts.push(origin.deployer);
        _collectGrantees(system, origin.fromBlock);
        uint256 phase = vm.envOr("SG_PHASE", uint256(1));
        _checkSystem(config, system, Phase(phase), _accounts);
        return string.concat(
            "in order: chain ",
            vm.toString(block.chainid),
            ", phase ",
            vm.toString(phase),
            ", ",
            vm.toString(_accounts.length - 1),
            " grants of roles looked at"
        );
    }

    /// @dev Everybody who was ever granted a role, from the logs, in steps that providers accept.
    function _collectGrantees(System memory system, uint256 fromBlock) private {
        bytes32[] memory topics = new bytes32[](1);
        topics[0] = IAccessControl.RoleGranted.selector;
        uint256 step = vm.envOr("SG_LOG_BLOCKS", uint256(10_000));
        address[] memory contracts = SystemPlan.addresses(system);
        for (uint256 from = fromBlock; from <= block.number; from += step) {
            uint256 to = from + step - 1 < block.number ? from + step - 1 : block.number;
            for (uint256 i = 0; i < contracts.length; ++i) {
                Vm.EthGetLogs[] memory logs = vm.eth_getLogs(from, to, contracts[i], topics);
                for (uint256 j = 0; j < logs.length; ++j) {
                    _accounts.push(address(uint160(uint256(logs[j].topics[2]))));
                }
            }
        }
    }
}
