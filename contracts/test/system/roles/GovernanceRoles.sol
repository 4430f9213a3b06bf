// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {IAccessPolicy} from "../../../src/interfaces/IAccessPolicy.sol";
import {ParameterKeys} from "../../../src/libraries/ParameterKeys.sol";
import {TestGallery} from "../../../src/test/TestGallery.sol";
import {RoleRows} from "./RoleRows.sol";

/// @notice Rows of the timelock, the access policy, the parameters and the emergency brake.
abstract contract GovernanceRoles is RoleRows {
    function _fillTimelock() internal {
        _subject("TimelockController", address(system.timelock));
        bytes32 role = system.timelock.EXECUTOR_ROLE();
        bytes32 waiting = system.timelock.hashOperation(stranger, 0, "", 0, WAITING);
        _add(
            "schedule",
            abi.encodeCall(system.timelock.schedule, (stranger, 0, "", 0, "new", 3 days)),
            CORE,
            "PROPOSER_ROLE: core multisig (from phase 2 on the executor multisig)"
        );
        _add(
            "scheduleBatch",
            abi.encodeCall(
                system.timelock.scheduleBatch,
                (_targets(), new uint256[](1), new bytes[](1), 0, "new", 3 days)
            ),
            CORE,
            "PROPOSER_ROLE: core multisig (from phase 2 on the executor multisig)"
        );
        _add(
            "cancel",
            abi.encodeCall(system.timelock.cancel, (waiting)),
            CORE,
            "CANCELLER_ROLE: core multisig (phase 2: and the executor multisig; phase 3: that alone)"
        );
        _add(
            "execute",
            abi.encodeCall(system.timelock.execute, (stranger, 0, "", 0, READY)),
            EXECUTOR,
            "EXECUTOR_ROLE: executor multisig"
        );
        _add(
            "executeBatch",
            abi.encodeCall(
                system.timelock.executeBatch, (_targets(), new uint256[](1), new bytes[](1), 0, READY)
            ),
            EXECUTOR,
            "EXECUTOR_ROLE: executor multisig"
        );
        _add("grantRole", abi.encodeCall(IAccessControl.grantRole, (role, stranger)), TIMELOCK, "timelock");
        _add("revokeRole", abi.encodeCall(IAccessControl.revokeRole, (role, stranger)), TIMELOCK, "timelock");
        _addRenounce();
        _add("updateDelay", abi.encodeCall(system.timelock.updateDelay, (2 days)), TIMELOCK, "timelock");
        _addUnfit(
            "wireDelayPolicy",
            abi.encodeCall(system.timelock.wireDelayPolicy, (system.parameters)),
            DEPLOYER,
            "deployer, once, at deployment"
        );
        _add(
            "onERC721Received",
            abi.encodeCall(system.timelock.onERC721Received, (stranger, stranger, 1, "")),
            ANYBODY,
            "anybody (accepts tokens)"
        );
        _add(
            "onERC1155Received",
            abi.encodeCall(system.timelock.onERC1155Received, (stranger, stranger, 1, 1, "")),
            ANYBODY,
            "anybody (accepts tokens)"
        );
        _add(
            "onERC1155BatchReceived",
            abi.encodeCall(
                system.timelock.onERC1155BatchReceived,
                (stranger, stranger, new uint256[](0), new uint256[](0), "")
            ),
            ANYBODY,
            "anybody (accepts tokens)"
        );
    }

    function _fillAccess() internal {
        _subject("AccessPolicy", address(system.access));
        address gallery = address(new TestGallery());
        _add(
            "setThisCardTokenId",
            abi.encodeCall(system.access.setThisCardTokenId, (7)),
            TIMELOCK,
            "timelock, once"
        );
        _add(
            "addCollection",
            abi.encodeCall(
                system.access.addCollection,
                (gallery, IAccessPolicy.Standard.Erc721, IAccessPolicy.Tier.Paid, new uint256[](0))
            ),
            TIMELOCK,
            "timelock"
        );
        _addUnfit(
            "removeCollection",
            abi.encodeCall(system.access.removeCollection, (gallery)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "setUseCases", abi.encodeCall(system.access.setUseCases, (new uint256[](0))), TIMELOCK, "timelock"
        );
        _add("setRights", abi.encodeCall(system.access.setRights, (new bytes32[](0))), TIMELOCK, "timelock");
        _addUnfit("noteCard", abi.encodeCall(system.access.noteCard, (1)), ANYBODY, "anybody");
        _add(
            "transferOwnership",
            abi.encodeCall(system.access.transferOwnership, (stranger)),
            TIMELOCK,
            "timelock"
        );
        _addUnfit(
            "acceptOwnership",
            abi.encodeCall(system.access.acceptOwnership, ()),
            NOBODY,
            "the address that the timelock offered the ownership to"
        );
        _add("renounceOwnership", abi.encodeCall(system.access.renounceOwnership, ()), TIMELOCK, "timelock");
    }

    function _fillParameters() internal {
        _subject("ParameterRegistry", address(system.parameters));
        _add(
            "set",
            abi.encodeCall(system.parameters.set, (ParameterKeys.CREDENTIAL_TTL, 2 hours)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "setMany",
            abi.encodeCall(system.parameters.setMany, (new bytes32[](0), new uint256[](0))),
            TIMELOCK,
            "timelock"
        );
        _add(
            "setFeeShares",
            abi.encodeCall(system.parameters.setFeeShares, (7_000, 2_000, 1_000)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "setReputationWeights",
            abi.encodeCall(system.parameters.setReputationWeights, (400, 200, 200, 200)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "setAcceptedToken",
            abi.encodeCall(system.parameters.setAcceptedToken, (system.memes, true)),
            TIMELOCK,
            "timelock"
        );
        _add("setTreasury", abi.encodeCall(system.parameters.setTreasury, (stranger)), TIMELOCK, "timelock");
        _add(
            "approveConfig",
            abi.encodeCall(system.parameters.approveConfig, ("scope", "hash")),
            TIMELOCK,
            "timelock"
        );
        _addAdminRules();
        _addUnfit(
            "wireStandingListener",
            abi.encodeCall(system.parameters.wireStandingListener, (stranger)),
            DEPLOYER,
            "deployer, once, at deployment"
        );
    }

    function _fillEmergency() internal {
        bytes20 entry = freshNode.node;
        _add(
            "pause",
            abi.encodeCall(system.parameters.pause, ()),
            GUARDIAN,
            "PAUSER_ROLE: guardian (phase 3: council), within the allowance"
        );
        _add(
            "unpause",
            abi.encodeCall(system.parameters.unpause, ()),
            GUARDIAN | TIMELOCK,
            "timelock; PAUSER_ROLE a pause by that role"
        );
        rows[rows.length - 1].paused = true;
        _add("renewPause", abi.encodeCall(system.parameters.renewPause, (1 days)), TIMELOCK, "timelock");
        _add(
            "blacklistNode",
            abi.encodeCall(system.parameters.blacklistNode, (node.node, "")),
            GUARDIAN,
            "BLACKLISTER_ROLE: guardian (phase 3: nobody), for 14 days"
        );
        _add(
            "clearNode",
            abi.encodeCall(system.parameters.clearNode, (entry)),
            GUARDIAN | TIMELOCK,
            "timelock; BLACKLISTER_ROLE an entry by that role"
        );
        _add(
            "extendBlacklist",
            abi.encodeCall(system.parameters.extendBlacklist, (entry, type(uint64).max, "")),
            TIMELOCK,
            "timelock"
        );
        _add(
            "pruneBlacklist",
            abi.encodeCall(system.parameters.pruneBlacklist, (_list(entry))),
            ANYBODY,
            "anybody"
        );
    }
}
