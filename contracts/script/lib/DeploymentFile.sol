// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "../../test/utils/Vm.sol";
import {Actors, Config, System} from "./System.sol";
import {SystemPlan} from "./SystemPlan.sol";

/// @title DeploymentFile
/// @notice Reads the configuration of a deployment, and writes where its contracts are.
abstract contract DeploymentFile {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error DeploymentFileDiffers(string name, address found, address planned);

    /// @dev What a file says of a deployment besides what follows from the configuration.
    struct Origin {
        address memes;
        address deployer;
        uint256 fromBlock;
    }

    /// @dev SG_CONFIG, or the one for a local chain.
    function _configPath() internal view returns (string memory) {
        return vm.envOr("SG_CONFIG", string("script/config/local.json"));
    }

    /// @dev SG_ADDRESSES, or `deployments/<chain id>.json`.
    function _addressesPath() internal view returns (string memory) {
        return vm.envOr("SG_ADDRESSES", string.concat("deployments/", vm.toString(block.chainid), ".json"));
    }

    /// @dev JSON with the fields of Config and Actors; addresses that are left out are zero, lists empty.
    function _readConfig(string memory path) internal view returns (Config memory config) {
        string memory json = vm.readFile(path);
        config.chainId = vm.parseJsonUint(json, ".chainId");
        config.actors = Actors({
            core: _address(json, ".core"),
            executor: _address(json, ".executor"),
            guardian: _address(json, ".guardian"),
            council: _address(json, ".council")
        });
        config.memes = _address(json, ".memes");
        config.nftDelegation = _address(json, ".nftDelegation");
        config.delegateXyz = _address(json, ".delegateXyz");
        if (vm.keyExistsJson(json, ".highestCard")) {
            config.highestCard = vm.parseJsonUint(json, ".highestCard");
        }
        if (vm.keyExistsJson(json, ".salt")) config.salt = vm.parseJsonBytes32(json, ".salt");
        config.treasury = _address(json, ".treasury");
        config.tokens = _addresses(json, ".tokens");
        config.committee = _addresses(json, ".committee");
    }

    /// @dev Zero when there is no file, or one of another chain (a local chain that was started anew is another).
    function _readOrigin(string memory path) internal view returns (Origin memory origin) {
        if (!vm.exists(path)) return origin;
        string memory json = vm.readFile(path);
        if (vm.parseJsonUint(json, ".chainId") != block.chainid) return origin;
        if (vm.parseJsonAddress(json, ".contracts.TimelockController").code.length == 0) return origin;
        origin.memes = vm.parseJsonAddress(json, ".contracts.Memes");
        origin.deployer = vm.parseJsonAddress(json, ".deployer");
        origin.fromBlock = vm.parseJsonUint(json, ".fromBlock");
    }

    /// @dev Reverts unless the file names the planned addresses.
    function _checkFile(string memory path, System memory system) internal view {
        string memory json = vm.readFile(path);
        string[] memory names = SystemPlan.names();
        address[] memory planned = SystemPlan.addresses(system);
        for (uint256 i = 0; i < names.length; ++i) {
            address found = vm.parseJsonAddress(json, string.concat(".contracts.", names[i]));
            if (found != planned[i]) revert DeploymentFileDiffers(names[i], found, planned[i]);
        }
    }

    function _writeFile(string memory path, System memory system, Origin memory origin) internal {
        string[] memory names = SystemPlan.names();
        address[] memory planned = SystemPlan.addresses(system);
        string memory contracts = vm.serializeAddress("contracts", "Memes", system.memes);
        for (uint256 i = 0; i < names.length; ++i) {
            contracts = vm.serializeAddress("contracts", names[i], planned[i]);
        }
        vm.serializeUint("deployment", "chainId", block.chainid);
        vm.serializeUint("deployment", "fromBlock", origin.fromBlock);
        vm.serializeAddress("deployment", "deployer", origin.deployer);
        vm.writeJson(vm.serializeString("deployment", "contracts", contracts), path);
    }

    function _address(string memory json, string memory key) private view returns (address) {
        return vm.keyExistsJson(json, key) ? vm.parseJsonAddress(json, key) : address(0);
    }

    function _addresses(string memory json, string memory key) private view returns (address[] memory) {
        return vm.keyExistsJson(json, key) ? vm.parseJsonAddressArray(json, key) : new address[](0);
    }
}
