// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../interfaces/ISessionManager.sol";
import {Money} from "../libraries/Money.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {SessionHashes} from "../libraries/SessionHashes.sol";
import {SessionBook} from "./SessionBook.sol";

/// @title SessionDisputes
/// @notice What has not been paid yet can be put before the committee, once, and comes back within a fixed time.
abstract contract SessionDisputes is SessionBook {
    /// @inheritdoc ISessionManager
    uint256 public constant MAX_SHARES = 20;

    /// @inheritdoc ISessionManager
    function dispute(uint256 sessionId, bytes32 evidence) external payable nonReentrant {
        Session storage s = _existing(sessionId);
        bool byUser = msg.sender == s.user;
        require(byUser || (_byAttestation(s) && msg.sender == s.operator), SessionManagerNotParty());
        s.disputedByUser = byUser;
        _dispute(s, sessionId, evidence);
    }

    /// @inheritdoc ISessionManager
    function disputeAsNode(uint256 sessionId, bytes20 node, bytes32 evidence) external payable nonReentrant {
        Session storage s = _existing(sessionId);
        (address operator, uint256 record) = _payeeOf(s, node);
        bool isParty = s.node == bytes20(0) && msg.sender == operator && _usage[sessionId][record] != 0;
        require(isParty, SessionManagerNotParty());
        // The other party of this dispute, which is the end of the session.
        s.operator = operator;
        _dispute(s, sessionId, evidence);
    }

    /// @inheritdoc ISessionManager
    function resolve(Resolution calldata resolution, Votes calldata votes) external nonReentrant {
        uint256 sessionId = resolution.sessionId;
        Session storage s = _disputed(sessionId);
        require(_isDisputeOpen(s), SessionManagerDisputeOver());
        _requireVotes(SessionHashes.resolution(resolution, votes.version), votes);
        address node = s.operator;
        if (_byAttestation(s)) {
            address first = _payShares(s, sessionId, resolution.shares);
            if (node == address(0)) node = first;
        } else {
            // A receipt that was signed stands, whatever the committee says.
            require(resolution.shares.length == 0, SessionManagerInvalidResolution());
            _settleLast(s, sessionId, s.node, s.operator, s.signed);
        }
        _end(s, sessionId, s.disputedByUser == resolution.upheld ? s.user : node, false);
    }

    /// @inheritdoc ISessionManager
    function resolveTimedOut(uint256 sessionId) external nonReentrant {
        Session storage s = _disputed(sessionId);
        require(!_isDisputeOpen(s), SessionManagerDisputeOpen());
        _settleLast(s, sessionId, s.node, s.operator, s.signed);
        _end(s, sessionId, s.disputedByUser ? s.user : s.operator, true);
    }

    function _dispute(Session storage s, uint256 sessionId, bytes32 evidence) private {
        require(_isSettleable(s), SessionManagerNotSettleable());
        require(msg.value == _parameters.get(ParameterKeys.DISPUTE_BOND), SessionManagerWrongBond());
        _takeBond();
        s.state = State.Disputed;
        s.disputedAt = uint48(block.timestamp);
        s.bond = uint128(msg.value);
        emit SessionDisputed(sessionId, msg.sender, evidence, block.timestamp + s.disputePeriod);
    }

    function _disputed(uint256 sessionId) private view returns (Session storage s) {
        s = _existing(sessionId);
        require(s.state == State.Disputed, SessionManagerNotDisputed());
    }

    /// @return first the operator of the first share, zero without shares.
    function _payShares(Session storage s, uint256 sessionId, Share[] calldata shares)
        private
        returns (address first)
    {
        require(shares.length <= MAX_SHARES, SessionManagerInvalidResolution());
        if (shares.length == 0) return address(0);
        require(!_isTooSoon(s, MIN_SETTLE_INTERVAL), SessionManagerTooSoon());
        for (uint256 i = 0; i < shares.length; ++i) {
            Share calldata share = shares[i];
            (address operator, uint256 record) = _payeeOf(s, share.node);
            bool valid = operator != address(0) && share.amount != 0 && share.amount <= s.deposit - s.claimed;
            require(valid, SessionManagerInvalidResolution());
            if (i == 0) first = operator;
            uint128 due = _settleUsage(s, sessionId, share.node, operator, record, share.amount);
            _pay(share.node, operator, s.token, due);
        }
    }

    function _end(Session storage s, uint256 sessionId, address bondTo, bool timedOut) private {
        if (bondTo == address(0)) {
            bondTo = address(_splitter);
            _payTreasury(s.bond);
        } else {
            _credit(bondTo, Money.ETH, s.bond);
        }
        uint256 refund = _finish(s, State.Resolved);
        emit SessionResolved(sessionId, s.claimed, refund, bondTo, timedOut);
    }
}
