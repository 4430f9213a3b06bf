// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICommittee} from "../interfaces/ICommittee.sol";
import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IPaymentSplitter} from "../interfaces/IPaymentSplitter.sol";
import {ISessionManager} from "../interfaces/ISessionManager.sol";
import {SessionHashes} from "../libraries/SessionHashes.sol";
import {SessionEscrow} from "./SessionEscrow.sol";

/// @title SessionBook
/// @notice The sessions, what is true of one in each state, and how one ends.
/// @dev Invariant of every session: `claimed <= signed <= deposit`.
abstract contract SessionBook is SessionEscrow, EIP712 {
    IParameterRegistry internal immutable _parameters;
    INodeRegistry internal immutable _registry;
    ICommittee internal immutable _committee;

    /// @inheritdoc ISessionManager
    uint256 public constant MIN_SETTLE_INTERVAL = 60 seconds;

    /// @inheritdoc ISessionManager
    uint256 public sessionCount;
    mapping(uint256 sessionId => Session) private _sessions;
    /// @dev What was paid for usage, by the record of the node; 0 for all usage of a session on one node.
    mapping(uint256 sessionId => mapping(uint256 record => uint256)) internal _usage;

    constructor(
        IParameterRegistry parameters,
        INodeRegistry registry,
        ICommittee committee,
        IPaymentSplitter splitter
    ) SessionEscrow(splitter) EIP712("Sovereign Gate SessionManager", "1") {
        _requireCode(address(parameters));
        _requireCode(address(registry));
        _requireCode(address(committee));
        _parameters = parameters;
        _registry = registry;
        _committee = committee;
    }

    /// @inheritdoc ISessionManager
    function session(uint256 sessionId) external view returns (Session memory) {
        return _existing(sessionId);
    }

    /// @inheritdoc ISessionManager
    function usageOf(uint256 sessionId, bytes20 node) external view returns (uint256) {
        (, uint256 record) = _payeeOf(_sessions[sessionId], node);
        return _usage[sessionId][record];
    }

    /// @inheritdoc ISessionManager
    function settleableUntil(uint256 sessionId) external view returns (uint256) {
        Session storage s = _existing(sessionId);
        return s.state == State.Active || s.state == State.Closed ? _settleableUntil(s) : 0;
    }

    /// @inheritdoc ISessionManager
    function receiptDigest(uint256 sessionId, uint256 amount) external view returns (bytes32) {
        return _receiptDigest(_existing(sessionId), sessionId, amount);
    }

    /// @inheritdoc ISessionManager
    function usageHash(Usage[] calldata usages, uint64 epoch, uint64 version)
        external
        view
        returns (bytes32)
    {
        return SessionHashes.usageBatch(usages, epoch, version);
    }

    /// @inheritdoc ISessionManager
    function resolutionHash(Resolution calldata resolution, uint64 version) external view returns (bytes32) {
        return SessionHashes.resolution(resolution, version);
    }

    /// @notice Where the parameters come from; fixed for good.
    function parameterRegistry() external view returns (IParameterRegistry) {
        return _parameters;
    }

    /// @notice Whose nodes sessions are for; fixed for good.
    function nodeRegistry() external view returns (INodeRegistry) {
        return _registry;
    }

    /// @notice Who attests usage and decides disputes; fixed for good.
    function reputationOracle() external view returns (ICommittee) {
        return _committee;
    }

    /// @notice Who divides what is paid; fixed for good.
    function paymentSplitter() external view returns (IPaymentSplitter) {
        return _splitter;
    }

    function _newSession() internal returns (uint256 sessionId, Session storage s) {
        sessionId = ++sessionCount;
        s = _sessions[sessionId];
    }

    function _lookup(uint256 sessionId) internal view returns (Session storage) {
        return _sessions[sessionId];
    }

    function _exists(Session storage s) internal view returns (bool) {
        return s.user != address(0);
    }

    function _existing(uint256 sessionId) internal view returns (Session storage s) {
        s = _sessions[sessionId];
        require(_exists(s), SessionManagerUnknownSession());
    }

    /// @dev An active session that has expired counts as ended at its expiry, whether or not anyone closed it.
    function _settleableUntil(Session storage s) internal view returns (uint256) {
        return (s.state == State.Active ? s.expiresAt : s.closedAt) + s.claimPeriod;
    }

    function _isOpen(Session storage s) internal view returns (bool) {
        return s.state == State.Active || s.state == State.Closed;
    }

    function _isSettleable(Session storage s) internal view returns (bool) {
        return _isOpen(s) && block.timestamp < _settleableUntil(s);
    }

    function _isDisputeOpen(Session storage s) internal view returns (bool) {
        return s.state == State.Disputed && block.timestamp < uint256(s.disputedAt) + s.disputePeriod;
    }

    function _isTooSoon(Session storage s, uint256 interval) internal view returns (bool) {
        return block.timestamp < s.settledAt + interval;
    }

    /// @dev After the end only the minimum counts, so that the last settlement fits any claim period.
    function _intervalOf(Session storage s) internal view returns (uint256) {
        bool runs = s.state == State.Active && block.timestamp < s.expiresAt;
        return runs ? s.settleInterval : MIN_SETTLE_INTERVAL;
    }

    function _byAttestation(Session storage s) internal view returns (bool) {
        return s.account != bytes20(0);
    }

    /// @dev The operator that is paid for `node` in this session, zero if there is none, and the key of the usage.
    /// Records are compared, not keys: a node keeps its record when it changes its key.
    function _payeeOf(Session storage s, bytes20 node)
        internal
        view
        returns (address operator, uint256 record)
    {
        bytes20 own = s.node;
        if (own != bytes20(0) && own == node) return (s.operator, 0);
        record = _registry.recordOf(node);
        if (own == bytes20(0)) return (_registry.operatorOf(_registry.currentNode(node)), record);
        return (record != 0 && record == _registry.recordOf(own) ? s.operator : address(0), 0);
    }

    function _receiptDigest(Session storage s, uint256 sessionId, uint256 amount)
        internal
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(SessionHashes.receipt(sessionId, s.node, s.token, amount));
    }

    /// @dev More than the deposit cannot be owed.
    function _capped(Session storage s, uint256 amount) internal view returns (uint128) {
        return uint128(Math.min(amount, s.deposit));
    }

    function _requireVotes(bytes32 structHash, Votes calldata votes) internal view {
        require(
            votes.version == _committee.committeeVersion()
                && _committee.verify(structHash, votes.signatures, votes.signers, votes.version),
            SessionManagerNotAttested()
        );
    }

    /// @dev Counts everything up to `total` as paid, and returns what the operator is to be paid for it.
    function _settle(Session storage s, uint256 sessionId, bytes20 node, address operator, uint128 total)
        internal
        returns (uint128 due)
    {
        due = total - s.claimed;
        s.claimed = total;
        s.settledAt = uint40(block.timestamp);
        emit SessionSettled(sessionId, node, operator, due, total);
    }

    /// @dev Counts `amount`, as far as the deposit covers it, as attested for this node and paid.
    function _settleUsage(
        Session storage s,
        uint256 sessionId,
        bytes20 node,
        address operator,
        uint256 record,
        uint256 amount
    ) internal returns (uint128 due) {
        uint128 total = s.claimed + uint128(Math.min(amount, s.deposit - s.claimed));
        s.signed = total;
        due = _settle(s, sessionId, node, operator, total);
        _usage[sessionId][record] += due;
    }

    /// @dev The last settlement of a session, if anything is left to pay. The governed interval is there to keep
    /// settlements few; it must not keep a session from its end.
    function _settleLast(Session storage s, uint256 sessionId, bytes20 node, address operator, uint128 total)
        internal
    {
        if (total == s.claimed) return;
        require(!_isTooSoon(s, MIN_SETTLE_INTERVAL), SessionManagerTooSoon());
        _pay(node, operator, s.token, _settle(s, sessionId, node, operator, total));
    }

    /// @dev Ends the session for good; what was not paid is the user's.
    function _finish(Session storage s, State state) internal returns (uint256 refund) {
        s.state = state;
        refund = s.deposit - s.claimed;
        _credit(s.user, s.token, refund);
    }
}
