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
    function dispute(uint256 sessionId, bytes32 evidence) external payable nonReentrant {
        Session storage s = _existing(sessionId);
        bool byUser = msg.sender == s.user;
        require(byUser || (_byAttestation(s) && msg.sender == s.operator), SessionManagerNotParty());
        require(_isSettleable(s), SessionManagerNotSettleable());
        require(msg.value == _parameters.get(ParameterKeys.DISPUTE_BOND), SessionManagerWrongBond());
        _takeBond();
        s.state = State.Disputed;
        s.disputedByUser = byUser;
        s.disputedAt = uint48(block.timestamp);
        s.bond = uint128(msg.value);
        emit SessionDisputed(sessionId, msg.sender, evidence, block.timestamp + s.disputePeriod);
    }

    /// @inheritdoc ISessionManager
    function resolve(Resolution calldata resolution, Votes calldata votes) external nonReentrant {
        Session storage s = _disputed(resolution.sessionId);
        require(!_isTimedOut(s), SessionManagerDisputeOver());
        uint256 ceiling = _byAttestation(s) ? s.deposit : s.signed;
        require(
            resolution.amount >= s.claimed && resolution.amount <= ceiling, SessionManagerInvalidResolution()
        );
        address operator = _operatorFor(s, resolution.node);
        require(resolution.amount == s.claimed || operator != address(0), SessionManagerInvalidResolution());
        _requireVotes(SessionHashes.resolution(resolution, votes.version), votes);
        uint128 total = uint128(resolution.amount);
        if (_byAttestation(s)) s.signed = total;
        _settleLast(s, resolution.sessionId, resolution.node, operator, total);
        _end(s, resolution.sessionId, resolution.upheld, false);
    }

    /// @inheritdoc ISessionManager
    function resolveTimedOut(uint256 sessionId) external nonReentrant {
        Session storage s = _disputed(sessionId);
        require(_isTimedOut(s), SessionManagerDisputeOpen());
        _settleLast(s, sessionId, s.node, s.operator, s.signed);
        _end(s, sessionId, true, true);
    }

    function _disputed(uint256 sessionId) private view returns (Session storage s) {
        s = _existing(sessionId);
        require(s.state == State.Disputed, SessionManagerNotDisputed());
    }

    function _isTimedOut(Session storage s) private view returns (bool) {
        return block.timestamp >= uint256(s.disputedAt) + s.disputePeriod;
    }

    function _end(Session storage s, uint256 sessionId, bool bondBack, bool timedOut) private {
        address bondTo = s.disputedByUser == bondBack ? s.user : s.operator;
        // A session for use on any node has no operator of its own.
        if (bondTo == address(0)) bondTo = _parameters.treasury();
        _credit(bondTo, Money.ETH, s.bond);
        uint256 refund = _finish(s, State.Resolved);
        emit SessionResolved(sessionId, s.claimed, refund, bondTo, timedOut);
    }
}
