// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICommittee} from "../interfaces/ICommittee.sol";
import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IPaymentSplitter} from "../interfaces/IPaymentSplitter.sol";
import {ISessionManager} from "../interfaces/ISessionManager.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {ReceiptSignatures} from "../libraries/ReceiptSignatures.sol";
import {SessionBook} from "./SessionBook.sol";
import {SessionDisputes} from "./SessionDisputes.sol";
import {SessionSettlement} from "./SessionSettlement.sol";

/// @title SessionManager
/// @notice Deposits for sessions, from opening to the end. See ISessionManager.
contract SessionManager is SessionSettlement, SessionDisputes {
    /// @inheritdoc ISessionManager
    uint256 public constant MIN_DURATION = 10 minutes;

    /// @dev New money stops with the global pause; nothing else does.
    modifier whenNotPaused() {
        require(!_parameters.paused(), SessionManagerPaused());
        _;
    }

    /// @notice All collaborators are fixed for good.
    constructor(
        IParameterRegistry parameters,
        INodeRegistry registry,
        ICommittee committee,
        IPaymentSplitter splitter
    ) SessionBook(parameters, registry, committee, splitter) {}

    /// @inheritdoc ISessionManager
    function open(Terms calldata terms) external payable nonReentrant returns (uint256 sessionId) {
        return _open(msg.sender, terms);
    }

    /// @inheritdoc ISessionManager
    function openFor(address user, Terms calldata terms)
        external
        payable
        nonReentrant
        returns (uint256 sessionId)
    {
        require(user != address(0), SessionManagerInvalidUser());
        return _open(user, terms);
    }

    /// @inheritdoc ISessionManager
    function openWithPermit(Terms calldata terms, Permit calldata permit)
        external
        nonReentrant
        returns (uint256 sessionId)
    {
        _usePermit(terms.token, terms.amount, permit);
        return _open(msg.sender, terms);
    }

    /// @inheritdoc ISessionManager
    function topUp(uint256 sessionId, uint128 amount) external payable nonReentrant {
        _topUp(_unexpired(sessionId), sessionId, amount);
    }

    /// @inheritdoc ISessionManager
    function topUpWithPermit(uint256 sessionId, uint128 amount, Permit calldata permit)
        external
        nonReentrant
    {
        Session storage s = _unexpired(sessionId);
        _usePermit(s.token, amount, permit);
        _topUp(s, sessionId, amount);
    }

    /// @inheritdoc ISessionManager
    function extend(uint256 sessionId, uint32 duration) external nonReentrant whenNotPaused {
        Session storage s = _unexpired(sessionId);
        require(msg.sender == s.user, SessionManagerNotUser());
        uint256 longest = _parameters.get(ParameterKeys.SESSION_MAX_DURATION);
        uint256 expiresAt = block.timestamp + duration;
        require(duration <= longest && expiresAt > s.expiresAt, SessionManagerInvalidDuration());
        s.expiresAt = uint48(expiresAt);
        emit SessionExtended(sessionId, expiresAt);
    }

    /// @inheritdoc ISessionManager
    function close(uint256 sessionId) external nonReentrant {
        Session storage s = _existing(sessionId);
        require(s.state == State.Active, SessionManagerNotActive());
        bool expired = block.timestamp >= s.expiresAt;
        require(expired || msg.sender == s.user, SessionManagerNotUser());
        s.closedAt = expired ? s.expiresAt : uint48(block.timestamp);
        s.state = State.Closed;
        emit SessionClosed(sessionId, msg.sender, _settleableUntil(s));
    }

    /// @inheritdoc ISessionManager
    function finalize(uint256 sessionId) external nonReentrant {
        Session storage s = _existing(sessionId);
        require(_isOpen(s), SessionManagerNotSettleable());
        require(block.timestamp >= _settleableUntil(s), SessionManagerNotFinal());
        _settleLast(s, sessionId, s.node, s.operator, s.signed);
        uint256 refund = _finish(s, State.Claimed);
        emit SessionClaimed(sessionId, s.claimed, refund);
    }

    /// @dev A session that can get more money or time: not one of a node that has changed hands, whose former
    /// operator would be paid for the service of the present one.
    function _unexpired(uint256 sessionId) private view returns (Session storage s) {
        s = _existing(sessionId);
        require(s.state == State.Active && block.timestamp < s.expiresAt, SessionManagerNotActive());
        bytes20 node = s.node;
        if (node == bytes20(0)) return s;
        address present = _registry.operatorOf(_registry.currentNode(node));
        require(present == s.operator, SessionManagerOperatorChanged(present));
    }

    function _open(address user, Terms calldata terms) private whenNotPaused returns (uint256 sessionId) {
        require(_parameters.acceptedToken(terms.token), SessionManagerTokenNotAccepted(terms.token));
        // A place at the splitter now, so that the payment cannot be refused for want of one later.
        _splitter.addToken(terms.token);
        _requireStanding(terms.node, terms.account);
        _take(terms.token, terms.amount);

        Session storage s;
        (sessionId, s) = _newSession();
        s.user = user;
        s.operator = _registry.operatorOf(terms.node);
        s.node = terms.node;
        s.account = terms.account;
        s.token = terms.token;
        s.signer = terms.signer == address(0) ? user : terms.signer;
        bool canSign = terms.account != bytes20(0) || ReceiptSignatures.isKey(s.signer);
        require(canSign, SessionManagerSignerHasNoKey(s.signer));
        s.deposit = terms.amount;
        _fixTerms(s, terms.duration);
        emit SessionOpened(sessionId, user, terms.node, msg.sender, terms);
    }

    /// @dev A session without a node is for use on any, so the committee must say on which.
    function _requireStanding(bytes20 node, bytes20 account) private view {
        if (node == bytes20(0) && account != bytes20(0)) return;
        (bool registered, bool active,,, bool blacklisted,) = _registry.standing(node);
        require(registered && active && !blacklisted, SessionManagerNodeNotInStanding(node));
    }

    /// @dev The registry's hard bounds keep every value far below its width here.
    function _fixTerms(Session storage s, uint32 duration) private {
        bytes32[] memory keys = new bytes32[](4);
        keys[0] = ParameterKeys.SESSION_MAX_DURATION;
        keys[1] = ParameterKeys.SESSION_SETTLE_INTERVAL;
        keys[2] = ParameterKeys.SESSION_CLAIM_PERIOD;
        keys[3] = ParameterKeys.SESSION_DISPUTE_PERIOD;
        uint256[] memory values = _parameters.getMany(keys);
        require(duration >= MIN_DURATION && duration <= values[0], SessionManagerInvalidDuration());
        s.expiresAt = uint48(block.timestamp + duration);
        s.settleInterval = uint32(Math.max(values[1], MIN_SETTLE_INTERVAL));
        s.claimPeriod = uint32(values[2]);
        s.disputePeriod = uint32(values[3]);
    }

    function _topUp(Session storage s, uint256 sessionId, uint128 amount) private whenNotPaused {
        require(_parameters.acceptedToken(s.token), SessionManagerTokenNotAccepted(s.token));
        require(amount <= type(uint128).max - s.deposit, SessionManagerInvalidAmount());
        _take(s.token, amount);
        s.deposit += amount;
        emit SessionToppedUp(sessionId, msg.sender, amount, s.deposit);
    }
}
