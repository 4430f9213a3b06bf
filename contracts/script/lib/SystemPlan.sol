// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {ParameterRegistry} from "../../src/governance/ParameterRegistry.sol";
import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";
import {NodeRegistry} from "../../src/reputation/NodeRegistry.sol";
import {ReputationOracle} from "../../src/reputation/ReputationOracle.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";
import {Config, Lists, System} from "./System.sol";

/// @title SystemPlan
/// @notice Where each contract of a system is, and what it is created from. The addresses are CREATE2 addresses, so
/// each is a commitment to the very code and arguments: whatever is found there is what these sources make.
library SystemPlan {
    /// @notice Deterministic deployment proxy, the same on every chain.
    address internal constant FACTORY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;

    uint256 internal constant COUNT = 8;

    /// @return system all contracts, deployed or not.
    /// @return initCodes what they are created from, each depending on earlier ones only.
    function make(Config memory config, address memes, address deployer)
        internal
        pure
        returns (System memory system, bytes[] memory initCodes)
    {
        initCodes = new bytes[](COUNT);
        system.memes = memes;
        _planGovernance(config, system, initCodes, deployer);
        _planReputation(config, system, initCodes, deployer);
        _planGateway(config, system, initCodes);
    }

    /// @notice The planned addresses, in the order of their creation.
    function addresses(System memory system) internal pure returns (address[] memory list) {
        list = new address[](COUNT);
        list[0] = address(system.timelock);
        list[1] = address(system.access);
        list[2] = address(system.parameters);
        list[3] = address(system.nodes);
        list[4] = address(system.oracle);
        list[5] = address(system.slashing);
        list[6] = address(system.splitter);
        list[7] = address(system.sessions);
    }

    /// @notice Names of the planned contracts in the addresses file.
    function names() internal pure returns (string[] memory list) {
        list = new string[](COUNT);
        list[0] = "TimelockController";
        list[1] = "AccessPolicy";
        list[2] = "ParameterRegistry";
        list[3] = "NodeRegistry";
        list[4] = "ReputationOracle";
        list[5] = "SlashingManager";
        list[6] = "PaymentSplitter";
        list[7] = "SessionManager";
    }

    function _planGovernance(
        Config memory config,
        System memory system,
        bytes[] memory codes,
        address deployer
    ) private pure {
        codes[0] = abi.encodePacked(
            type(TieredTimelock).creationCode,
            abi.encode(Lists.one(config.actors.core), Lists.one(config.actors.executor), deployer)
        );
        system.timelock = TieredTimelock(payable(_at(config, codes[0])));
        codes[1] = abi.encodePacked(
            type(AccessPolicy).creationCode,
            abi.encode(
                system.timelock, system.memes, config.nftDelegation, config.delegateXyz, config.highestCard
            )
        );
        system.access = AccessPolicy(_at(config, codes[1]));
        codes[2] = abi.encodePacked(
            type(ParameterRegistry).creationCode,
            abi.encode(
                system.timelock,
                config.actors.guardian,
                deployer,
                system.access,
                config.treasury == address(0) ? address(system.timelock) : config.treasury,
                config.tokens
            )
        );
        system.parameters = ParameterRegistry(_at(config, codes[2]));
    }

    function _planReputation(
        Config memory config,
        System memory system,
        bytes[] memory codes,
        address deployer
    ) private pure {
        codes[3] = abi.encodePacked(
            type(NodeRegistry).creationCode, abi.encode(system.parameters, system.timelock, deployer)
        );
        system.nodes = NodeRegistry(_at(config, codes[3]));
        codes[4] = abi.encodePacked(
            type(ReputationOracle).creationCode,
            abi.encode(system.parameters, system.nodes, system.timelock, deployer)
        );
        system.oracle = ReputationOracle(_at(config, codes[4]));
        codes[5] = abi.encodePacked(
            type(SlashingManager).creationCode,
            abi.encode(system.parameters, system.nodes, system.oracle, system.timelock)
        );
        system.slashing = SlashingManager(_at(config, codes[5]));
    }

    function _planGateway(Config memory config, System memory system, bytes[] memory codes) private pure {
        codes[6] =
            abi.encodePacked(type(PaymentSplitter).creationCode, abi.encode(system.parameters, system.nodes));
        system.splitter = PaymentSplitter(_at(config, codes[6]));
        codes[7] = abi.encodePacked(
            type(SessionManager).creationCode,
            abi.encode(system.parameters, system.nodes, system.oracle, system.splitter)
        );
        system.sessions = SessionManager(payable(_at(config, codes[7])));
    }

    function _at(Config memory config, bytes memory initCode) private pure returns (address) {
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), FACTORY, config.salt, keccak256(initCode)));
        return address(uint160(uint256(hash)));
    }
}
