// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";

import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {Measurement} from "../../src/interfaces/IReputationOracle.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {Offence} from "../../src/interfaces/ISlashingManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {TestGallery} from "../../src/test/TestGallery.sol";
import {World} from "./World.sol";

/// @notice Every function that changes anything, with who may call it.
abstract contract RoleTable is World {
    /// @dev Those who try. Bits of `Row.who`.
    enum Actor {
        Core,
        Executor,
        Timelock,
        Guardian,
        Deployer,
        Oracle,
        Slashing,
        Registry,
        Sessions,
        Operator,
        User,
        Member,
        LeavingMember,
        Stranger
    }

    uint256 internal constant ACTORS = 14;

    uint256 internal constant NOBODY = 0;
    uint256 internal constant ANYBODY = (1 << ACTORS) - 1;
    uint256 internal constant CORE = 1 << uint256(Actor.Core);
    uint256 internal constant EXECUTOR = 1 << uint256(Actor.Executor);
    uint256 internal constant TIMELOCK = 1 << uint256(Actor.Timelock);
    uint256 internal constant GUARDIAN = 1 << uint256(Actor.Guardian);
    uint256 internal constant DEPLOYER = 1 << uint256(Actor.Deployer);
    uint256 internal constant ORACLE = 1 << uint256(Actor.Oracle);
    uint256 internal constant SLASHING = 1 << uint256(Actor.Slashing);
    uint256 internal constant REGISTRY = 1 << uint256(Actor.Registry);
    uint256 internal constant SESSIONS = 1 << uint256(Actor.Sessions);
    uint256 internal constant OPERATOR = 1 << uint256(Actor.Operator);
    uint256 internal constant USER = 1 << uint256(Actor.User);
    uint256 internal constant MEMBER = 1 << uint256(Actor.Member);
    uint256 internal constant LEAVING = 1 << uint256(Actor.LeavingMember);

    /// @param who actors whose call is not refused because of who they are.
    /// @param label the same in words, with conditions.
    /// @param works whether the call, as it stands, succeeds for each of `who`; else it is refused for another
    /// reason (a signature that is missing, a wiring that is over).
    /// @param paused whether a guardian's pause comes first.
    struct Row {
        string where;
        string name;
        address target;
        uint256 value;
        bytes data;
        uint256 who;
        string label;
        bool works;
        bool paused;
    }

    Row[] internal rows;
    string internal where;
    address internal target;

    // Operations of the timelock: one that waits, two that are ready.
    bytes32 internal constant WAITING = "waiting";
    bytes32 internal constant READY = "ready";

    function _add(string memory name, bytes memory data, uint256 who, string memory label) internal {
        rows.push(Row(where, name, target, 0, data, who, label, true, false));
    }

    /// @dev A row whose call is not complete enough to succeed.
    function _addUnfit(string memory name, bytes memory data, uint256 who, string memory label) internal {
        rows.push(Row(where, name, target, 0, data, who, label, false, false));
    }

    function _addPaid(string memory name, uint256 value, bytes memory data, uint256 who, string memory label)
        internal
    {
        rows.push(Row(where, name, target, value, data, who, label, true, false));
    }

    function _subject(string memory name, address at_) private {
        where = name;
        target = at_;
    }

    // ---------------------------------------------------------------- preparing

    /// @dev Brings the system into a state in which most rows can succeed.
    function _prepare() internal {
        vm.startPrank(core);
        system.timelock.schedule(stranger, 0, "", 0, WAITING, 7 days);
        system.timelock.schedule(stranger, 0, "", 0, READY, 3 days);
        system.timelock.scheduleBatch(_targets(), new uint256[](1), new bytes[](1), 0, READY, 3 days);
        vm.stopPrank();
        vm.prank(config.committee[MEMBERS - 1]);
        system.oracle.resign();
        skip(14 days);

        vm.prank(operator);
        system.nodes.offerOperator(node.node, user);
        session = _open(bytes20(0));
        attestedSession = _open(ACCOUNT);
        vm.prank(guardian);
        system.parameters.blacklistNode(freshNode.node, "");
    }

    function _fill() internal {
        _fillTimelock();
        _fillAccess();
        _fillParameters();
        _fillEmergency();
        _fillNodes();
        _fillNodeRoles();
        _fillOracle();
        _fillSlashing();
        _fillSplitter();
        _fillSessions();
        _fillSettlement();
    }

    // ------------------------------------------------------------------- tables

    function _fillTimelock() private {
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

    function _fillAccess() private {
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

    function _fillParameters() private {
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

    function _fillEmergency() private {
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

    function _fillNodes() private {
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

    function _fillNodeRoles() private {
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
        _add(
            "blacklist",
            abi.encodeCall(system.nodes.blacklist, (id)),
            SLASHING | TIMELOCK,
            "timelock; SLASHER_ROLE: SlashingManager"
        );
        _add("unblacklist", abi.encodeCall(system.nodes.unblacklist, (id)), TIMELOCK, "timelock");
        _add("setRewardSink", abi.encodeCall(system.nodes.setRewardSink, (address(0))), TIMELOCK, "timelock");
        _addUnfit(
            "wire",
            abi.encodeCall(system.nodes.wire, (stranger, stranger, stranger)),
            NOBODY,
            "deployer, once, at deployment"
        );
        _addAdminRules();
    }

    function _fillOracle() private {
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
        _addUnfit("unbond", abi.encodeCall(system.oracle.unbond, (1)), ANYBODY, "anybody, the own bond");
        _addUnfit(
            "withdrawBond",
            abi.encodeCall(system.oracle.withdrawBond, (stranger)),
            ANYBODY,
            "anybody, the own bond"
        );
        _addUnfit(
            "resign", abi.encodeCall(system.oracle.resign, ()), MEMBER | LEAVING, "a member, for itself"
        );
        _add(
            "leaveCommittee",
            abi.encodeCall(system.oracle.leaveCommittee, ()),
            LEAVING,
            "a member, 14 days after resigning"
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
        _addUnfit(
            "wire",
            abi.encodeCall(system.oracle.wire, (stranger, new address[](0))),
            NOBODY,
            "deployer, once, at deployment"
        );
        _addLedger();
        _addAdminRules();
    }

    function _fillSlashing() private {
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

    function _fillSplitter() private {
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
        _addUnfit(
            "collectTreasury",
            abi.encodeCall(system.splitter.collectTreasury, (address(0))),
            ANYBODY,
            "anybody; the money goes to the treasury"
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

    function _fillSessions() private {
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

    function _fillSettlement() private {
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
                system.sessions.resolve, (ISessionManager.Resolution(session, node.node, 0, true), votes)
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

    // ------------------------------------------------------------- shared parts

    /// @dev What each contract with OpenZeppelin's default admin rules has.
    function _addAdminRules() private {
        bytes32 role = keccak256("SOME_ROLE");
        _add("grantRole", abi.encodeCall(IAccessControl.grantRole, (role, stranger)), TIMELOCK, "timelock");
        _add("revokeRole", abi.encodeCall(IAccessControl.revokeRole, (role, stranger)), TIMELOCK, "timelock");
        _addRenounce();
        _add(
            "beginDefaultAdminTransfer",
            abi.encodeCall(IAccessControlDefaultAdminRules.beginDefaultAdminTransfer, (stranger)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "cancelDefaultAdminTransfer",
            abi.encodeCall(IAccessControlDefaultAdminRules.cancelDefaultAdminTransfer, ()),
            TIMELOCK,
            "timelock"
        );
        _addUnfit(
            "acceptDefaultAdminTransfer",
            abi.encodeCall(IAccessControlDefaultAdminRules.acceptDefaultAdminTransfer, ()),
            NOBODY,
            "the address that the timelock offered it to, a day later"
        );
        _add(
            "changeDefaultAdminDelay",
            abi.encodeCall(IAccessControlDefaultAdminRules.changeDefaultAdminDelay, (2 days)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "rollbackDefaultAdminDelay",
            abi.encodeCall(IAccessControlDefaultAdminRules.rollbackDefaultAdminDelay, ()),
            TIMELOCK,
            "timelock"
        );
    }

    /// @dev The name of the caller is part of the call: `_dataFor` puts it there.
    function _addRenounce() private {
        bytes memory data = abi.encodeCall(IAccessControl.renounceRole, (keccak256("SOME_ROLE"), address(0)));
        _add("renounceRole", data, ANYBODY, "anybody, the own role");
    }

    function _addLedger() private {
        _addUnfit(
            "withdraw", abi.encodeCall(system.nodes.withdraw, (stranger)), ANYBODY, "anybody, the own money"
        );
        _addUnfit(
            "collectTreasury",
            abi.encodeCall(system.nodes.collectTreasury, ()),
            ANYBODY,
            "anybody; the money goes to the treasury"
        );
    }

    function _targets() private view returns (address[] memory list) {
        list = new address[](1);
        list[0] = stranger;
    }
}
