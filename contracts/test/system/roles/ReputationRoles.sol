// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NodeProof} from "../../../src/interfaces/INodeRegistry.sol";
import {Measurement} from "../../../src/interfaces/IReputationOracle.sol";
import {Offence} from "../../../src/interfaces/ISlashingManager.sol";
import {RoleRows} from "./RoleRows.sol";

/// @notice Rows of the node registry, the committee and the slashing manager.
abstract contract ReputationRoles is RoleRows {
    function _fillNodes() internal {
        _subject("NodeRegistry", address(system.nodes));
        bytes20 id = node.node;
        string memory own = "the node's operator";
        NodeProof memory none;
        _addUnfit(
            "registerNode",
            abi.encodeCall(system.nodes.registerNode, (freshNode.node, "", "", 0)),
            ANYBODY,
            "anybody with the node key's proof"
        );
        _addPaid("topUp", 1, abi.encodeCall(system.nodes.topUp, (id)), OPERATOR, own);
        _add(
            "requestWithdrawal", abi.encodeCall(system.nodes.requestWithdrawal, (id, 1 ether)), OPERATOR, own
        );
        _add("deregisterNode", abi.encodeCall(system.nodes.deregisterNode, (id)), OPERATOR, own);
        _addUnfit("withdrawStake", abi.encodeCall(system.nodes.withdrawStake, (id, operator)), OPERATOR, own);
        _addUnfit(
            "changeKey",
            abi.encodeCall(system.nodes.changeKey, (id, freshNode.node, none, none)),
            OPERATOR,
            "the node's operator with both keys' proofs"
        );
        _add("offerOperator", abi.encodeCall(system.nodes.offerOperator, (id, stranger)), OPERATOR, own);
        _addUnfit(
            "acceptOperator",
            abi.encodeCall(system.nodes.acceptOperator, (id, none)),
            USER,
            "whom the operator offered the node to, with the node key's proof"
        );
        _add("refresh", abi.encodeCall(system.nodes.refresh, (_list(id))), ANYBODY, "anybody");
        _add("onBlacklistChanged", abi.encodeCall(system.nodes.onBlacklistChanged, (id)), ANYBODY, "anybody");
        _addLedger();
    }

    function _fillNodeRoles() internal {
        bytes20 id = node.node;
        _add(
            "updateReputationScore",
            abi.encodeCall(system.nodes.updateReputationScore, (id, 1)),
            ORACLE,
            "REPORTER_ROLE: ReputationOracle"
        );
        string memory slasher = "SLASHER_ROLE: SlashingManager";
        _add("slash", abi.encodeCall(system.nodes.slash, (id, 1, "")), SLASHING, slasher);
        _add(
            "slashAndReward",
            abi.encodeCall(system.nodes.slashAndReward, (id, 1, "", stranger, 1)),
            SLASHING,
            slasher
        );
        _add("hold", abi.encodeCall(system.nodes.hold, (id, 1)), SLASHING, slasher);
        _add("lift", abi.encodeCall(system.nodes.lift, (id)), SLASHING, slasher);
        _add(
            "blacklist",
            abi.encodeCall(system.nodes.blacklist, (id)),
            SLASHING | TIMELOCK,
            "timelock; SLASHER_ROLE: SlashingManager"
        );
        _add("unblacklist", abi.encodeCall(system.nodes.unblacklist, (id)), TIMELOCK, "timelock");
        _addUnfit(
            "wire",
            abi.encodeCall(system.nodes.wire, (stranger, stranger, stranger)),
            NOBODY,
            "deployer, once, at deployment"
        );
        _addAdminRules();
    }

    function _fillOracle() internal {
        _subject("ReputationOracle", address(system.oracle));
        bytes20 id = node.node;
        string memory signed = "anybody with the signatures of two thirds of the committee";
        _addUnfit(
            "postEpoch",
            abi.encodeCall(system.oracle.postEpoch, (1, "root", 1, 1, new address[](0), new bytes[](0))),
            ANYBODY,
            signed
        );
        _addUnfit(
            "postEpochList",
            abi.encodeCall(
                system.oracle.postEpochList, (1, new Measurement[](0), 1, new address[](0), new bytes[](0))
            ),
            ANYBODY,
            signed
        );
        _addUnfit(
            "applyMeasurements",
            abi.encodeCall(system.oracle.applyMeasurements, (1, new Measurement[](0), new bytes32[][](0))),
            ANYBODY,
            "anybody with the proof that they are in a posted report"
        );
        _addUnfit("recompute", abi.encodeCall(system.oracle.recompute, (id)), ANYBODY, "anybody");
        _addPaid("bond", 1, abi.encodeCall(system.oracle.bond, (stranger)), ANYBODY, "anybody");
        address seated = config.committee[0];
        string memory payee = "the bond's payee: at first the member";
        _add("setBondPayee", abi.encodeCall(system.oracle.setBondPayee, (seated, stranger)), MEMBER, payee);
        _add(
            "consent",
            abi.encodeCall(system.oracle.consent, (seated, uint64(vm.getBlockTimestamp() + 1 days))),
            MEMBER,
            payee
        );
        _addUnfit("unbond", abi.encodeCall(system.oracle.unbond, (seated, 1)), MEMBER, payee);
        _addUnfit(
            "withdrawBond", abi.encodeCall(system.oracle.withdrawBond, (seated, stranger)), MEMBER, payee
        );
        _addUnfit(
            "resign", abi.encodeCall(system.oracle.resign, ()), MEMBER | LEAVING, "a member, for itself"
        );
        _add(
            "leaveCommittee",
            abi.encodeCall(system.oracle.leaveCommittee, ()),
            LEAVING,
            "a member, from 14 to 21 days after resigning"
        );
        _addUnfit(
            "setCommittee",
            abi.encodeCall(system.oracle.setCommittee, (new address[](0))),
            TIMELOCK,
            "timelock"
        );
        string memory slasher = "SLASHER_ROLE: SlashingManager";
        address member = config.committee[0];
        _add(
            "slashBond", abi.encodeCall(system.oracle.slashBond, (member, 1, stranger, 1)), SLASHING, slasher
        );
        _add("holdBond", abi.encodeCall(system.oracle.holdBond, (member, 1)), SLASHING, slasher);
        _add("liftBond", abi.encodeCall(system.oracle.liftBond, (member)), SLASHING, slasher);
        _addUnfit(
            "wire",
            abi.encodeCall(system.oracle.wire, (stranger, new address[](0))),
            NOBODY,
            "deployer, once, at deployment"
        );
        _addLedger();
        _addAdminRules();
    }

    function _fillSlashing() internal {
        _subject("SlashingManager", address(system.slashing));
        string memory signed = "anybody with the signatures of two thirds of the committee";
        address[] memory nobody = new address[](0);
        bytes[] memory none = new bytes[](0);
        _addUnfit(
            "slashAutomatic",
            abi.encodeCall(
                system.slashing.slashAutomatic, (node.node, Offence.Downtime, 0, 0, 1, nobody, none)
            ),
            ANYBODY,
            signed
        );
        _addPaid(
            "openDispute",
            0.01 ether,
            abi.encodeCall(
                system.slashing.openDispute,
                (node.node, Offence.Logging, uint64(vm.getBlockTimestamp()), "evidence")
            ),
            ANYBODY,
            "anybody with the bond"
        );
        _addUnfit(
            "decide", abi.encodeCall(system.slashing.decide, (1, true, 1, nobody, none)), ANYBODY, signed
        );
        _addUnfit(
            "execute", abi.encodeCall(system.slashing.execute, (1)), ANYBODY, "anybody, after the veto period"
        );
        _addUnfit(
            "expire", abi.encodeCall(system.slashing.expire, (1)), ANYBODY, "anybody, after the deadline"
        );
        _addUnfit(
            "disputeAttestation",
            abi.encodeCall(system.slashing.disputeAttestation, ("hash", nobody, none, "evidence")),
            ANYBODY,
            "anybody with the bond and the signatures in question"
        );
        _addUnfit(
            "expireAttestationDispute",
            abi.encodeCall(system.slashing.expireAttestationDispute, (1)),
            ANYBODY,
            "anybody, after the deadline"
        );
        bytes32[2] memory roots;
        uint32[2] memory counts;
        bytes[2] memory pair;
        _addUnfit(
            "slashEquivocation",
            abi.encodeCall(system.slashing.slashEquivocation, (stranger, 1, 1, roots, counts, pair)),
            ANYBODY,
            "anybody with two contradicting signatures of one member"
        );
        _addUnfit(
            "veto",
            abi.encodeCall(system.slashing.veto, (1)),
            TIMELOCK,
            "VETO_ROLE: timelock (which can give it to a council)"
        );
        _addUnfit("rule", abi.encodeCall(system.slashing.rule, (1, true)), TIMELOCK, "timelock");
        _addLedger();
        _addAdminRules();
    }
}
