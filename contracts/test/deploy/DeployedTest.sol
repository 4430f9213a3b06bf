// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Actors, Config, System} from "../../script/lib/System.sol";
import {SystemCheck} from "../../script/lib/SystemCheck.sol";
import {SystemDeployer} from "../../script/lib/SystemDeployer.sol";
import {SystemPlan} from "../../script/lib/SystemPlan.sol";
import {NFTDelegation} from "../../src/test/delegation/NFTDelegation.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @notice The whole system, deployed by the very code of the deploy script.
abstract contract DeployedTest is BaseTest, SystemDeployer, SystemCheck {
    /// @dev Code of the deterministic deployment proxy.
    bytes internal constant FACTORY_CODE = hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0360160"
        hex"0081602082378035828234f58015156039578182fd5b8082525050506014600cf3";

    uint256 internal constant START = 1_800_000_000;

    address internal core = makeAddr("core");
    address internal executor = makeAddr("executor");
    address internal guardian = makeAddr("guardian");
    address internal council = makeAddr("council");
    address internal treasury = makeAddr("treasury");
    address internal stranger = makeAddr("stranger");

    Config internal config;
    System internal system;

    function setUp() public virtual {
        vm.warp(START);
        vm.etch(SystemPlan.FACTORY, FACTORY_CODE);
        config.chainId = block.chainid;
        config.actors = Actors(core, executor, guardian, council);
        config.memes = address(new TestMemes());
        config.nftDelegation = address(new NFTDelegation());
        config.highestCard = 21;
        config.treasury = treasury;
        _configure();
        system = _deploy(config, address(0), address(this));
    }

    /// @dev What a test wants otherwise.
    function _configure() internal virtual {}

    /// @dev All who might hold a role without being meant to.
    function _suspects() internal view returns (address[] memory list) {
        address[] memory contracts = SystemPlan.addresses(system);
        list = new address[](contracts.length + 8);
        for (uint256 i = 0; i < contracts.length; ++i) {
            list[i] = contracts[i];
        }
        uint256 next = contracts.length;
        list[next++] = address(this);
        list[next++] = core;
        list[next++] = executor;
        list[next++] = guardian;
        list[next++] = council;
        list[next++] = treasury;
        list[next++] = stranger;
        list[next] = SystemPlan.FACTORY;
    }
}
