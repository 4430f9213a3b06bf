// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../interfaces/ISessionManager.sol";
import {ReceiptSignatures} from "../libraries/ReceiptSignatures.sol";
import {SessionHashes} from "../libraries/SessionHashes.sol";
import {SessionBook} from "./SessionBook.sol";

/// @title SessionSettlement
/// @notice How a running session is paid: by the user's receipts, or by the committee's attestation of usage.
/// @dev Checks that a batch shares with a single call say what is wrong as an error's selector, 0 for nothing: the
/// single call reverts with it, the batch skips the item.
abstract contract SessionSettlement is SessionBook {
    /// @dev Payments of a batch to the same receiver, put together while they follow each other.
    struct Run {
        bytes20 node;
        address operator;
        address token;
        uint256 amount;
    }

    bytes4 private constant FINE = 0;

    /// @dev Seconds of an epoch, as in the ReputationOracle.
    uint256 private constant EPOCH = 1 hours;

    /// @inheritdoc ISessionManager
    uint256 public constant MAX_BATCH = 100;

    mapping(address operator => mapping(address settler => bool)) private _settlers;

    /// @inheritdoc ISessionManager
    function setSettler(address settler, bool allowed) external {
        _settlers[msg.sender][settler] = allowed;
        emit SettlerUpdated(msg.sender, settler, allowed);
    }

    /// @inheritdoc ISessionManager
    function claim(uint256 sessionId, uint256 amount, bytes calldata signature) external nonReentrant {
        Session storage s = _lookup(sessionId);
        _requireFine(_claimable(s, sessionId, amount, signature));
        uint128 due = _settle(s, sessionId, s.node, s.operator, s.signed);
        _pay(s.node, s.operator, s.token, due);
    }

    /// @inheritdoc ISessionManager
    function claimBatch(Claim[] calldata claims) external nonReentrant returns (uint256 settled) {
        _requireBatch(claims.length);
        Run memory run;
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata item = claims[i];
            Session storage s = _lookup(item.sessionId);
            bytes4 reason = _claimable(s, item.sessionId, item.amount, item.signature);
            if (reason != FINE) {
                emit SettlementSkipped(item.sessionId, reason);
                continue;
            }
            ++settled;
            uint128 due = _settle(s, item.sessionId, s.node, s.operator, s.signed);
            _append(run, s.node, s.operator, s.token, due);
        }
        _flush(run);
    }

    /// @inheritdoc ISessionManager
    function present(uint256 sessionId, uint256 amount, bytes calldata signature) external nonReentrant {
        Session storage s = _existing(sessionId);
        require(_maySettle(s), SessionManagerNotOperator());
        require(_isDisputeOpen(s) || _isSettleable(s), SessionManagerNotSettleable());
        uint128 known = s.signed;
        _requireFine(_record(s, sessionId, amount, signature));
        require(s.signed != known, SessionManagerStaleReceipt());
    }

    /// @inheritdoc ISessionManager
    function settleUsage(Usage[] calldata usages, uint64 epoch, Votes calldata votes)
        external
        nonReentrant
        returns (uint256 settled)
    {
        _requireBatch(usages.length);
        require((uint256(epoch) + 1) * EPOCH <= block.timestamp, SessionManagerEpochNotOver());
        _requireVotes(SessionHashes.usageBatch(usages, epoch, votes.version), votes);
        Run memory run;
        uint256 last = 0;
        for (uint256 i = 0; i < usages.length; ++i) {
            Usage calldata item = usages[i];
            Session storage s = _lookup(item.sessionId);
            (address operator, uint256 record) = _payeeOf(s, item.node);
            bytes4 reason = _checkUsage(s, item, operator, _usage[item.sessionId][record]);
            if (reason == FINE && item.sessionId != last) reason = _checkTurn(s, epoch);
            if (reason != FINE) {
                emit SettlementSkipped(item.sessionId, reason);
                continue;
            }
            ++settled;
            last = item.sessionId;
            s.epoch = epoch;
            emit UsageAttested(item.sessionId, epoch, item.account);
            uint128 due =
                _settleUsage(s, item.sessionId, item.node, operator, record, item.amount - item.from);
            _append(run, item.node, operator, s.token, due);
        }
        _flush(run);
    }

    /// @inheritdoc ISessionManager
    function complete(uint256 sessionId, uint256 amount, bytes calldata signature) external nonReentrant {
        Session storage s = _existing(sessionId);
        require(_maySettle(s), SessionManagerNotOperator());
        require(_isSettleable(s), SessionManagerNotSettleable());
        _requireFine(_record(s, sessionId, amount, signature));
        _settleLast(s, sessionId, s.node, s.operator, s.signed);
        uint256 refund = _finish(s, State.Claimed);
        emit SessionClaimed(sessionId, s.claimed, refund);
    }

    /// @inheritdoc ISessionManager
    function isSettler(address operator, address settler) external view returns (bool) {
        return _settlers[operator][settler];
    }

    function _maySettle(Session storage s) private view returns (bool) {
        address operator = s.operator;
        return msg.sender == operator || _settlers[operator][msg.sender];
    }

    function _claimable(Session storage s, uint256 sessionId, uint256 amount, bytes calldata signature)
        private
        returns (bytes4 reason)
    {
        if (!_exists(s)) return SessionManagerUnknownSession.selector;
        if (!_maySettle(s)) return SessionManagerNotOperator.selector;
        if (!_isSettleable(s)) return SessionManagerNotSettleable.selector;
        if (_isTooSoon(s, _intervalOf(s))) return SessionManagerTooSoon.selector;
        reason = _record(s, sessionId, amount, signature);
        if (reason == FINE && s.signed == s.claimed) return SessionManagerNothingToClaim.selector;
    }

    /// @dev Takes note of a receipt over more than is known; one over just what is known proves nothing new, and is
    /// not looked at.
    function _record(Session storage s, uint256 sessionId, uint256 amount, bytes calldata signature)
        private
        returns (bytes4)
    {
        uint128 signed = _capped(s, amount);
        if (signed < s.signed) return SessionManagerStaleReceipt.selector;
        if (signed == s.signed) return FINE;
        if (_byAttestation(s)) return SessionManagerNotByReceipt.selector;
        if (!ReceiptSignatures.isValid(s.signer, _receiptDigest(s, sessionId, amount), signature)) {
            return SessionManagerInvalidReceipt.selector;
        }
        s.signed = signed;
        emit ReceiptPresented(sessionId, signed);
        return FINE;
    }

    function _checkUsage(Session storage s, Usage calldata item, address operator, uint256 paid)
        private
        view
        returns (bytes4)
    {
        if (!_exists(s)) return SessionManagerUnknownSession.selector;
        if (!_byAttestation(s)) return SessionManagerNotByAttestation.selector;
        if (item.account != s.account || operator == address(0)) return SessionManagerWrongUsage.selector;
        if (!_isSettleable(s) && !_isDisputeOpen(s)) return SessionManagerNotSettleable.selector;
        if (item.from != paid) return SessionManagerUsageGap.selector;
        if (item.amount <= paid || s.claimed == s.deposit) return SessionManagerNothingToClaim.selector;
        return FINE;
    }

    function _checkTurn(Session storage s, uint64 epoch) private view returns (bytes4) {
        if (epoch <= s.epoch) return SessionManagerStaleEpoch.selector;
        if (_isTooSoon(s, _intervalOf(s))) return SessionManagerTooSoon.selector;
        return FINE;
    }

    function _append(Run memory run, bytes20 node, address operator, address token, uint256 amount) private {
        if (run.node != node || run.operator != operator || run.token != token) {
            _flush(run);
            run.node = node;
            run.operator = operator;
            run.token = token;
        }
        run.amount += amount;
    }

    function _flush(Run memory run) private {
        uint256 amount = run.amount;
        if (amount == 0) return;
        run.amount = 0;
        _pay(run.node, run.operator, run.token, amount);
    }

    function _requireBatch(uint256 length) private pure {
        require(length != 0 && length <= MAX_BATCH, SessionManagerInvalidBatch());
    }

    function _requireFine(bytes4 reason) private pure {
        if (reason == FINE) return;
        assembly ("memory-safe") {
            mstore(0x00, reason)
            revert(0x00, 0x04)
        }
    }
}
