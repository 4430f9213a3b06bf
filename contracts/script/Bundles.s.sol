// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IAccessPolicy} from "../src/interfaces/IAccessPolicy.sol";
import {Vm} from "../test/utils/Vm.sol";
import {DeploymentFile} from "./lib/DeploymentFile.sol";
import {Operation, Operations} from "./lib/Operation.sol";
import {Phase, Phases} from "./lib/Phases.sol";
import {SafeBundle} from "./lib/SafeBundle.sol";
import {Actors, Config, System} from "./lib/System.sol";
import {SystemPlan} from "./lib/SystemPlan.sol";

/// @title Bundles
/// @notice Writes transaction bundles for the multisigs, one function for each governed action:
///
///     forge script script/Bundles.s.sol --rpc-url URL --sig "setFeeShares(uint16,uint16,uint16)" 7500 1500 1000
///
/// For the timelock three files are written to `deployments/bundles/<chain id>/`: `<action>.schedule.json` for the
/// proposer, `<action>.execute.json` for the executor once the delay has passed, `<action>.cancel.json` for a
/// canceller. What a guardian does at once is one file, `<action>.json`. SG_SALT tells equal operations apart.
contract Bundles is DeploymentFile {
    using Operations for Operation;

    /// @dev How forge knows a script.
    bool public constant IS_SCRIPT = true;

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error BundlesUnknownContract(string name);

    // ------------------------------------------------------------- parameters

    /// @notice Set the parameter called `name`.
    function set(string calldata name, uint256 value) external {
        System memory s = _system();
        _publish("set", address(s.parameters), abi.encodeCall(s.parameters.set, (_key(name), value)));
    }

    function setMany(string[] calldata names, uint256[] calldata values) external {
        System memory s = _system();
        bytes32[] memory keys = new bytes32[](names.length);
        for (uint256 i = 0; i < names.length; ++i) {
            keys[i] = _key(names[i]);
        }
        _publish("setMany", address(s.parameters), abi.encodeCall(s.parameters.setMany, (keys, values)));
    }

    /// @notice End the bootstrap phase: nodes need a score of the committee to be in good standing.
    function requireScores(uint16 minimum) external {
        System memory s = _system();
        bytes memory data = abi.encodeCall(s.parameters.set, (keccak256("MIN_ACTIVATION_SCORE"), minimum));
        _publish("requireScores", address(s.parameters), data);
    }

    function setFeeShares(uint16 operator, uint16 treasury, uint16 staker) external {
        System memory s = _system();
        _publish(
            "setFeeShares",
            address(s.parameters),
            abi.encodeCall(s.parameters.setFeeShares, (operator, treasury, staker))
        );
    }

    function setReputationWeights(uint16 uptime, uint16 quality, uint16 stake, uint16 history) external {
        System memory s = _system();
        _publish(
            "setReputationWeights",
            address(s.parameters),
            abi.encodeCall(s.parameters.setReputationWeights, (uptime, quality, stake, history))
        );
    }

    function setAcceptedToken(address token, bool accepted) external {
        System memory s = _system();
        _publish(
            "setAcceptedToken",
            address(s.parameters),
            abi.encodeCall(s.parameters.setAcceptedToken, (token, accepted))
        );
    }

    function setTreasury(address treasury) external {
        System memory s = _system();
        _publish("setTreasury", address(s.parameters), abi.encodeCall(s.parameters.setTreasury, (treasury)));
    }

    /// @notice Approve a configuration for the scope called `scope`, `BRIDGE_ORACLE` for the bridge oracle's.
    function approveConfig(string calldata scope, bytes32 configHash) external {
        System memory s = _system();
        _publish(
            "approveConfig",
            address(s.parameters),
            abi.encodeCall(s.parameters.approveConfig, (keccak256(bytes(scope)), configHash))
        );
    }

    function renewPause(uint64 duration) external {
        System memory s = _system();
        _publish("renewPause", address(s.parameters), abi.encodeCall(s.parameters.renewPause, (duration)));
    }

    function endPause() external {
        System memory s = _system();
        _publish("endPause", address(s.parameters), abi.encodeCall(s.parameters.unpause, ()));
    }

    function extendBlacklist(bytes20 node, uint64 until, bytes32 reason) external {
        System memory s = _system();
        _publish(
            "extendBlacklist",
            address(s.parameters),
            abi.encodeCall(s.parameters.extendBlacklist, (node, until, reason))
        );
    }

    function endBlacklist(bytes20 node) external {
        System memory s = _system();
        _publish("endBlacklist", address(s.parameters), abi.encodeCall(s.parameters.clearNode, (node)));
    }

    // ----------------------------------------------------------------- access

    function setThisCard(uint256 tokenId) external {
        System memory s = _system();
        _publish("setThisCard", address(s.access), abi.encodeCall(s.access.setThisCardTokenId, (tokenId)));
    }

    /// @param tier 1 paid, 2 free.
    /// @param ids that count; none for ERC-721.
    function addCollection(address token, bool erc1155, uint8 tier, uint256[] calldata ids) external {
        System memory s = _system();
        IAccessPolicy.Standard standard =
            erc1155 ? IAccessPolicy.Standard.Erc1155 : IAccessPolicy.Standard.Erc721;
        _publish(
            "addCollection",
            address(s.access),
            abi.encodeCall(s.access.addCollection, (token, standard, IAccessPolicy.Tier(tier), ids))
        );
    }

    function removeCollection(address token) external {
        System memory s = _system();
        _publish("removeCollection", address(s.access), abi.encodeCall(s.access.removeCollection, (token)));
    }

    function setUseCases(uint256[] calldata useCases) external {
        System memory s = _system();
        _publish("setUseCases", address(s.access), abi.encodeCall(s.access.setUseCases, (useCases)));
    }

    function setRights(bytes32[] calldata rights) external {
        System memory s = _system();
        _publish("setRights", address(s.access), abi.encodeCall(s.access.setRights, (rights)));
    }

    // ------------------------------------------------------------- reputation

    /// @notice Blacklist a node in the NodeRegistry, for good.
    function banNode(bytes20 node) external {
        System memory s = _system();
        _publish("banNode", address(s.nodes), abi.encodeCall(s.nodes.blacklist, (node)));
    }

    function unbanNode(bytes20 node) external {
        System memory s = _system();
        _publish("unbanNode", address(s.nodes), abi.encodeCall(s.nodes.unblacklist, (node)));
    }

    function setCommittee(address[] calldata members) external {
        System memory s = _system();
        _publish("setCommittee", address(s.oracle), abi.encodeCall(s.oracle.setCommittee, (members)));
    }

    function veto(uint256 disputeId) external {
        System memory s = _system();
        _publish("veto", address(s.slashing), abi.encodeCall(s.slashing.veto, (disputeId)));
    }

    function rule(uint256 disputeId, bool upheld) external {
        System memory s = _system();
        _publish("rule", address(s.slashing), abi.encodeCall(s.slashing.rule, (disputeId, upheld)));
    }

    // ------------------------------------------------------------------ power

    /// @param where name of the contract as in the addresses file.
    /// @param role name of the role, like PAUSER_ROLE.
    function grantRole(string calldata where, string calldata role, address account) external {
        _publish(
            "grantRole", _contract(where), abi.encodeCall(IAccessControl.grantRole, (_role(role), account))
        );
    }

    function revokeRole(string calldata where, string calldata role, address account) external {
        _publish(
            "revokeRole", _contract(where), abi.encodeCall(IAccessControl.revokeRole, (_role(role), account))
        );
    }

    function updateDelay(uint256 delay) external {
        System memory s = _system();
        _publish("updateDelay", address(s.timelock), abi.encodeCall(s.timelock.updateDelay, (delay)));
    }

    /// @notice Everything that leads into `phase` (2 votes, 3 community).
    function handOver(uint8 phase) external {
        (address[] memory targets, uint256[] memory values, bytes[] memory payloads) =
            Phases.handOver(_system(), _actors(), Phase(phase));
        _publishOperation("handOver", Operation(targets, values, payloads));
    }

    /// @notice Anything else that the timelock may do, like moving what it holds.
    function call(address target, uint256 value, bytes calldata data) external {
        Operation memory operation = Operations.single(target, data);
        operation.values[0] = value;
        _publishOperation("call", operation);
    }

    // ---------------------------------------------------- guardian and council

    function pause() external {
        System memory s = _system();
        _publishDirect("pause", address(s.parameters), abi.encodeCall(s.parameters.pause, ()));
    }

    function unpause() external {
        System memory s = _system();
        _publishDirect("unpause", address(s.parameters), abi.encodeCall(s.parameters.unpause, ()));
    }

    function blacklistNode(bytes20 node, bytes32 reason) external {
        System memory s = _system();
        _publishDirect(
            "blacklistNode", address(s.parameters), abi.encodeCall(s.parameters.blacklistNode, (node, reason))
        );
    }

    function clearNode(bytes20 node) external {
        System memory s = _system();
        _publishDirect("clearNode", address(s.parameters), abi.encodeCall(s.parameters.clearNode, (node)));
    }

    // --------------------------------------------------------------- internal

    /// @dev From the configuration and the addresses file.
    function _system() internal view virtual returns (System memory system) {
        Config memory config = _readConfig(_configPath());
        Origin memory origin = _readOrigin(_addressesPath());
        (system,) = SystemPlan.make(config, origin.memes, origin.deployer);
        _checkFile(_addressesPath(), system);
    }

    function _actors() internal view virtual returns (Actors memory) {
        return _readConfig(_configPath()).actors;
    }

    function _write(string memory file, string memory json) internal virtual {
        string memory folder = string.concat("deployments/bundles/", vm.toString(block.chainid));
        vm.createDir(folder, true);
        vm.writeFile(string.concat(folder, "/", file, ".json"), json);
    }

    function _publish(string memory action, address target, bytes memory data) private {
        _publishOperation(action, Operations.single(target, data));
    }

    function _publishOperation(string memory action, Operation memory operation) private {
        System memory s = _system();
        bytes32 salt = keccak256(abi.encode(action, vm.envOr("SG_SALT", uint256(0))));
        string memory wait =
            string.concat("execute after ", Strings.toString(operation.delay(s.timelock)), " seconds");
        address timelock = address(s.timelock);
        _writeBundle(action, "schedule", wait, timelock, operation.scheduling(s.timelock, salt));
        _writeBundle(action, "execute", wait, timelock, operation.execution(s.timelock, salt));
        _writeBundle(action, "cancel", wait, timelock, operation.cancellation(s.timelock, salt));
    }

    function _writeBundle(
        string memory action,
        string memory step,
        string memory description,
        address timelock,
        bytes memory data
    ) private {
        string memory name = string.concat(action, ".", step);
        _write(name, SafeBundle.toJson(name, description, SafeBundle.one(timelock, data)));
    }

    function _publishDirect(string memory action, address target, bytes memory data) private {
        _write(action, SafeBundle.toJson(action, "takes effect at once", SafeBundle.one(target, data)));
    }

    function _key(string memory name) private pure returns (bytes32) {
        return keccak256(bytes(name));
    }

    function _role(string memory name) private pure returns (bytes32) {
        return keccak256(bytes(name));
    }

    function _contract(string memory name) private view returns (address) {
        string[] memory names = SystemPlan.names();
        for (uint256 i = 0; i < names.length; ++i) {
            if (keccak256(bytes(names[i])) == keccak256(bytes(name))) {
                return SystemPlan.addresses(_system())[i];
            }
        }
        revert BundlesUnknownContract(name);
    }
}
