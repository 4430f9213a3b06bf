// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../../src/interfaces/ISessionManager.sol";
import {RoleRows} from "./RoleRows.sol";

/// @notice Rows of the payment splitter and the session manager.
abstract contract GatewayRoles is RoleRows {
    function _fillSplitter() internal {
        _subject("PaymentSplitter", address(system.splitter));
        _addPaid(
            "split",
            1 ether,
            abi.encodeCall(system.splitter.split, (node.node, operator, address(0), 1 ether)),
            ANYBODY,
            "anybody, the own money"
        );
        _add("addToken", abi.encodeCall(system.splitter.addToken, (address(0))), ANYBODY, "anybody");
        _add("harvest", abi.encodeCall(system.splitter.harvest, (node.node, address(0))), ANYBODY, "anybody");
        _add("sync", abi.encodeCall(system.splitter.sync, (node.node)), ANYBODY, "anybody");
        _addPaid(
            "payTreasury",
            1,
            abi.encodeCall(system.splitter.payTreasury, ()),
            ANYBODY,
            "anybody, the own money"
        );
        _addUnfit(
            "collectTreasury",
            abi.encodeCall(system.splitter.collectTreasury, (address(0))),
            ANYBODY,
            "anybody; the money goes to the present treasury"
        );
        string memory own = "anybody, the own money";
        _addUnfit("withdraw", abi.encodeCall(system.splitter.withdraw, (address(0))), ANYBODY, own);
        _addUnfit(
            "withdrawTo", abi.encodeCall(system.splitter.withdrawTo, (address(0), stranger)), ANYBODY, own
        );
        _add(
            "onWeightChanged",
            abi.encodeCall(system.splitter.onWeightChanged, (node.node, 0, 1)),
            REGISTRY,
            "NodeRegistry"
        );
    }

    function _fillSessions() internal {
        _subject("SessionManager", address(system.sessions));
        ISessionManager.Terms memory terms = _terms(bytes20(0));
        ISessionManager.Permit memory permit;
        string memory own = "anybody, the own money";
        _addPaid("open", 1 ether, abi.encodeCall(system.sessions.open, (terms)), ANYBODY, own);
        _addPaid("openFor", 1 ether, abi.encodeCall(system.sessions.openFor, (stranger, terms)), ANYBODY, own);
        _addUnfit(
            "openWithPermit", abi.encodeCall(system.sessions.openWithPermit, (terms, permit)), ANYBODY, own
        );
        _addPaid("topUp", 1, abi.encodeCall(system.sessions.topUp, (session, 1)), ANYBODY, own);
        _addUnfit(
            "topUpWithPermit",
            abi.encodeCall(system.sessions.topUpWithPermit, (session, 1, permit)),
            ANYBODY,
            own
        );
        _add("extend", abi.encodeCall(system.sessions.extend, (session, 2 days)), USER, "the session's user");
        _add(
            "close",
            abi.encodeCall(system.sessions.close, (session)),
            USER,
            "the session's user; anybody after its expiry"
        );
        _addUnfit(
            "finalize",
            abi.encodeCall(system.sessions.finalize, (session)),
            ANYBODY,
            "anybody, after the claim period"
        );
        _addPaid(
            "dispute",
            0.01 ether,
            abi.encodeCall(system.sessions.dispute, (attestedSession, "evidence")),
            USER | OPERATOR,
            "the session's user; the operator of a session settled by attestation"
        );
        _addPaid(
            "disputeAsNode",
            0.01 ether,
            abi.encodeCall(system.sessions.disputeAsNode, (roamingSession, node.node, "evidence")),
            OPERATOR,
            "the operator of a node that was paid in a session on any node"
        );
        _addUnfit("withdraw", abi.encodeCall(system.sessions.withdraw, (address(0))), ANYBODY, own);
        _addUnfit(
            "withdrawTo", abi.encodeCall(system.sessions.withdrawTo, (address(0), stranger)), ANYBODY, own
        );
        _addUnfit(
            "forwardDeferred",
            abi.encodeCall(system.sessions.forwardDeferred, (node.node, operator, address(0))),
            ANYBODY,
            "anybody; the money goes to the splitter"
        );
        _addUnfit(
            "forward",
            abi.encodeCall(system.sessions.forward, (node.node, operator, address(0), 0)),
            SESSIONS,
            "the contract itself"
        );
    }

    function _fillSettlement() internal {
        string memory claimer = "the session's operator, or a settler that it named, with the user's receipt";
        bytes memory receipt = _receipt(session, 0.5 ether);
        _add("claim", abi.encodeCall(system.sessions.claim, (session, 0.5 ether, receipt)), OPERATOR, claimer);
        _addUnfit(
            "claimBatch",
            abi.encodeCall(system.sessions.claimBatch, (new ISessionManager.Claim[](0))),
            ANYBODY,
            "anybody; claims that are not the caller's are skipped"
        );
        _add(
            "present",
            abi.encodeCall(system.sessions.present, (session, 0.5 ether, receipt)),
            OPERATOR,
            claimer
        );
        _add(
            "complete",
            abi.encodeCall(system.sessions.complete, (session, 0.5 ether, receipt)),
            OPERATOR,
            claimer
        );
        _add(
            "setSettler",
            abi.encodeCall(system.sessions.setSettler, (stranger, true)),
            ANYBODY,
            "anybody, for itself"
        );
        ISessionManager.Votes memory votes;
        string memory signed = "anybody with the signatures of two thirds of the committee";
        _addUnfit(
            "settleUsage",
            abi.encodeCall(system.sessions.settleUsage, (new ISessionManager.Usage[](1), 1, votes)),
            ANYBODY,
            signed
        );
        _addUnfit(
            "resolve",
            abi.encodeCall(
                system.sessions.resolve,
                (ISessionManager.Resolution(session, new ISessionManager.Share[](0), true), votes)
            ),
            ANYBODY,
            signed
        );
        _addUnfit(
            "resolveTimedOut",
            abi.encodeCall(system.sessions.resolveTimedOut, (session)),
            ANYBODY,
            "anybody, after the dispute period"
        );
    }
}
