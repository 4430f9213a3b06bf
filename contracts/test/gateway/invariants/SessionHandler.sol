// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../../src/interfaces/ISessionManager.sol";
import {SessionManager} from "../../../src/gateway/SessionManager.sol";
import {BaseTest} from "../../utils/BaseTest.sol";
import {GatewayWorld} from "./GatewayWorld.sol";

/// @title SessionHandler
/// @notice Everything that users, operators and the committee can do with sessions, in any order. Nothing here
/// may revert: what a rule forbids at the moment is left out, and everything else must work.
contract SessionHandler is BaseTest {
    uint256 private constant BOND = 0.01 ether;

    GatewayWorld private immutable WORLD;
    SessionManager private immutable MANAGER;

    /// @dev What came in and went out by the hands of this handler.
    mapping(address token => uint256) public deposited;
    mapping(address token => uint256) public withdrawn;
    mapping(string action => uint256) public done;
    uint64 private _epoch;

    constructor(GatewayWorld world) {
        WORLD = world;
        MANAGER = world.manager();
    }

    /// @dev Around each action on a session: what no action may ever do to it.
    modifier watched(uint256 id) {
        ISessionManager.Session memory before = MANAGER.session(id);
        _;
        ISessionManager.Session memory s = MANAGER.session(id);
        assertTrue(_mayFollow(before.state, s.state), "state moves along its path");
        assertTrue(s.claimed >= before.claimed && s.signed >= before.claimed, "nothing is taken back");
        assertGe(s.deposit, before.deposit, "the deposit never shrinks");
        if (s.claimed != before.claimed && before.settledAt != 0) {
            assertGe(vm.getBlockTimestamp() - before.settledAt, 60, "settled twice within a minute");
        }
        bool isFinal =
            before.state == ISessionManager.State.Claimed || before.state == ISessionManager.State.Resolved;
        assertTrue(!isFinal || s.claimed == before.claimed, "final is final");
    }

    // ------------------------------------------------------------------ users

    function openNoRevert(uint256 seed, uint128 amount, uint32 duration) external {
        if (WORLD.parameters().paused()) return;
        address token = WORLD.tokens(seed % 2);
        if (!WORLD.parameters().acceptedToken(token)) return;
        amount = uint128(bound(amount, 1, 1e18));
        ISessionManager.Terms memory terms;
        terms.token = token;
        terms.amount = amount;
        terms.duration = uint32(bound(duration, 10 minutes, 30 days));
        uint256 kind = (seed >> 8) % 3;
        if (kind != 2) terms.node = WORLD.nodes((seed >> 16) % 3);
        if (kind != 0) terms.account = WORLD.ACCOUNT();
        vm.prank(WORLD.users((seed >> 24) % 3));
        MANAGER.open{value: token == address(0) ? amount : 0}(terms);
        deposited[token] += amount;
        ++done["open"];
    }

    function topUpNoRevert(uint256 seed, uint128 amount) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || WORLD.parameters().paused() || !WORLD.parameters().acceptedToken(s.token)) return;
        if (s.state != ISessionManager.State.Active || vm.getBlockTimestamp() >= s.expiresAt) return;
        _topUp(id, s.token, uint128(bound(amount, 1, 1e18)), seed >> 128);
    }

    function extendNoRevert(uint256 seed, uint32 duration) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || WORLD.parameters().paused()) return;
        if (s.state != ISessionManager.State.Active || vm.getBlockTimestamp() >= s.expiresAt) return;
        uint256 left = s.expiresAt - vm.getBlockTimestamp();
        if (left >= 30 days) return;
        _extend(id, s.user, uint32(bound(duration, left + 1, 30 days)));
    }

    function closeNoRevert(uint256 seed) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.state != ISessionManager.State.Active) return;
        _close(id, s.user);
    }

    function withdrawNoRevert(uint256 seed) external {
        address token = WORLD.tokens(seed % 2);
        uint256 who = (seed >> 8) % 7;
        address receiver = who < 3 ? WORLD.users(who) : who < 6 ? WORLD.operators(who - 3) : WORLD.treasury();
        uint256 amount = MANAGER.credit(receiver, token);
        if (amount == 0) return;
        vm.prank(receiver);
        MANAGER.withdraw(token);
        withdrawn[token] += amount;
        ++done["withdraw"];
    }

    // ------------------------------------------------------------------ operators

    function claimNoRevert(uint256 seed, uint256 amount) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.account != 0 || !_isSettleable(id) || _isTooSoon(s, s.settleInterval)) return;
        amount = bound(amount, s.signed, uint256(s.deposit) * 2);
        if (_capped(s, amount) == s.claimed) return;
        _claim(id, s, amount);
    }

    function claimBatchNoRevert(uint256[5] calldata seeds, uint256 amount) external {
        uint256 count = MANAGER.sessionCount();
        if (count == 0) return;
        address operator = WORLD.operators(seeds[0] % 3);
        ISessionManager.Claim[] memory claims = new ISessionManager.Claim[](seeds.length);
        for (uint256 i = 0; i < seeds.length; ++i) {
            (uint256 id, ISessionManager.Session memory s) = _pick(seeds[i]);
            uint256 total = bound(amount, 0, uint256(s.deposit) * 2);
            claims[i] = ISessionManager.Claim(id, total, _receipt(id, s, total));
        }
        vm.prank(operator);
        done["batch item"] += MANAGER.claimBatch(claims);
        ++done["batch"];
    }

    function presentNoRevert(uint256 seed, uint256 amount) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.account != 0 || s.signed == s.deposit) return;
        bool inDispute = s.state == ISessionManager.State.Disputed
            && vm.getBlockTimestamp() < uint256(s.disputedAt) + s.disputePeriod;
        if (!inDispute && !_isSettleable(id)) return;
        _present(id, s, bound(amount, uint256(s.signed) + 1, uint256(s.deposit) * 2));
    }

    function completeNoRevert(uint256 seed, uint256 amount) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.operator == address(0) || !_isSettleable(id)) return;
        amount = s.account != 0 ? s.claimed : bound(amount, s.signed, uint256(s.deposit) * 2);
        if (_capped(s, amount) != s.claimed && _isTooSoon(s, 60)) return;
        _complete(id, s, amount);
    }

    // ------------------------------------------------------------------ committee

    function settleUsageNoRevert(uint256 seed, uint256 amount) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.account == 0) return;
        _settleUsage(id, s, seed >> 128, bound(amount, 0, uint256(s.deposit) * 2));
    }

    function disputeNoRevert(uint256 seed) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || !_isSettleable(id)) return;
        bool byOperator = s.account != 0 && s.operator != address(0) && seed >> 255 == 1;
        bytes20 node = WORLD.nodes((seed >> 128) % 3);
        bool byNode = s.account != 0 && s.node == 0 && seed >> 255 == 1 && MANAGER.usageOf(id, node) != 0;
        if (byNode) _disputeAsNode(id, node);
        else _dispute(id, byOperator ? s.operator : s.user);
    }

    function resolveNoRevert(uint256 seed, uint256 amount, bool upheld) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.state != ISessionManager.State.Disputed) return;
        if (vm.getBlockTimestamp() >= uint256(s.disputedAt) + s.disputePeriod || _isTooSoon(s, 60)) return;
        ISessionManager.Share[] memory shares;
        uint256 left = s.deposit - s.claimed;
        if (s.account != 0 && left > 1 && seed >> 254 != 0) {
            shares = new ISessionManager.Share[](2);
            for (uint256 i = 0; i < 2; ++i) {
                shares[i].node = s.node != 0 ? s.node : WORLD.nodes((seed >> (128 + 8 * i)) % 3);
                shares[i].amount = bound(amount, 1, left / 2);
            }
        }
        _resolve(id, ISessionManager.Resolution(id, shares, upheld));
    }

    // ------------------------------------------------------------------ anyone

    function finalizeNoRevert(uint256 seed) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        uint256 until = id == 0 ? 0 : MANAGER.settleableUntil(id);
        if (until == 0 || vm.getBlockTimestamp() < until) return;
        if (s.signed != s.claimed && _isTooSoon(s, 60)) return;
        finalize(id);
    }

    function resolveTimedOutNoRevert(uint256 seed) external {
        (uint256 id, ISessionManager.Session memory s) = _pick(seed);
        if (id == 0 || s.state != ISessionManager.State.Disputed) return;
        if (vm.getBlockTimestamp() < uint256(s.disputedAt) + s.disputePeriod) return;
        resolveTimedOut(id);
    }

    function forwardDeferredNoRevert(uint256 seed) external {
        if (WORLD.parameters().broken()) return;
        address token = WORLD.tokens(seed % 2);
        uint256 i = (seed >> 8) % 3;
        if (MANAGER.deferred(WORLD.nodes(i), WORLD.operators(i), token) == 0) return;
        MANAGER.forwardDeferred(WORLD.nodes(i), WORLD.operators(i), token);
        ++done["forward"];
    }

    function waitNoRevert(uint256 time) external {
        skip(bound(time, 1, 2 days));
    }

    /// @dev Called by the handler and, for the end of all sessions, by the invariants.
    function finalize(uint256 id) public watched(id) {
        MANAGER.finalize(id);
        ++done["finalize"];
    }

    function resolveTimedOut(uint256 id) public watched(id) {
        MANAGER.resolveTimedOut(id);
        ++done["resolveTimedOut"];
    }

    // ------------------------------------------------------------------ the calls themselves

    function _topUp(uint256 id, address token, uint128 amount, uint256 seed) private watched(id) {
        vm.prank(WORLD.users(seed % 3));
        MANAGER.topUp{value: token == address(0) ? amount : 0}(id, amount);
        deposited[token] += amount;
        ++done["topUp"];
    }

    function _extend(uint256 id, address user, uint32 duration) private watched(id) {
        vm.prank(user);
        MANAGER.extend(id, duration);
        ++done["extend"];
    }

    function _close(uint256 id, address user) private watched(id) {
        vm.prank(user);
        MANAGER.close(id);
        ++done["close"];
    }

    function _claim(uint256 id, ISessionManager.Session memory s, uint256 amount) private watched(id) {
        bytes memory signed = _receipt(id, s, amount);
        vm.prank(s.operator);
        MANAGER.claim(id, amount, signed);
        assertEq(MANAGER.session(id).claimed, _capped(s, amount), "paid what was signed");
        ++done["claim"];
    }

    function _present(uint256 id, ISessionManager.Session memory s, uint256 amount) private watched(id) {
        bytes memory signed = _receipt(id, s, amount);
        vm.prank(s.operator);
        MANAGER.present(id, amount, signed);
        ++done["present"];
    }

    function _complete(uint256 id, ISessionManager.Session memory s, uint256 amount) private watched(id) {
        bytes memory signed = _receipt(id, s, amount);
        vm.prank(s.operator);
        MANAGER.complete(id, amount, signed);
        ++done["complete"];
    }

    function _settleUsage(uint256 id, ISessionManager.Session memory s, uint256 seed, uint256 amount)
        private
        watched(id)
    {
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](2);
        bytes20 first = s.node != 0 ? s.node : WORLD.nodes(seed % 3);
        bytes20 second = s.node != 0 ? s.node : WORLD.nodes((seed >> 8) % 3);
        uint256 from = MANAGER.usageOf(id, first);
        usages[0] = ISessionManager.Usage(id, WORLD.ACCOUNT(), first, from, amount / 2);
        from = first == second && amount / 2 > from ? amount / 2 : MANAGER.usageOf(id, second);
        usages[1] = ISessionManager.Usage(id, WORLD.ACCOUNT(), second, from, amount);
        bytes32 structHash = MANAGER.usageHash(usages, ++_epoch, 1);
        done["usage"] += MANAGER.settleUsage(usages, _epoch, _votes(structHash));
    }

    function _dispute(uint256 id, address by) private watched(id) {
        vm.prank(by);
        MANAGER.dispute{value: BOND}(id, 0);
        deposited[address(0)] += BOND;
        ++done["dispute"];
    }

    function _disputeAsNode(uint256 id, bytes20 node) private watched(id) {
        vm.prank(WORLD.registry().operatorOf(node));
        MANAGER.disputeAsNode{value: BOND}(id, node, 0);
        deposited[address(0)] += BOND;
        ++done["disputeAsNode"];
    }

    function _resolve(uint256 id, ISessionManager.Resolution memory decision) private watched(id) {
        MANAGER.resolve(decision, _votes(MANAGER.resolutionHash(decision, 1)));
        ++done["resolve"];
    }

    function _pick(uint256 seed) private view returns (uint256 id, ISessionManager.Session memory s) {
        uint256 count = MANAGER.sessionCount();
        if (count == 0) return (0, s);
        id = 1 + (seed & type(uint64).max) % count;
        s = MANAGER.session(id);
    }

    function _receipt(uint256 id, ISessionManager.Session memory s, uint256 amount)
        private
        view
        returns (bytes memory)
    {
        return signature(WORLD.keyOf(s.user), MANAGER.receiptDigest(id, amount));
    }

    function _votes(bytes32 structHash) private view returns (ISessionManager.Votes memory v) {
        v.signatures = new bytes[](1);
        v.signers = new address[](1);
        v.version = 1;
        v.signers[0] = WORLD.members(0);
        v.signatures[0] = signature(WORLD.memberKeys(0), WORLD.committee().digest(structHash));
    }

    function _isSettleable(uint256 id) private view returns (bool) {
        return vm.getBlockTimestamp() < MANAGER.settleableUntil(id);
    }

    function _isTooSoon(ISessionManager.Session memory s, uint256 interval) private view returns (bool) {
        return vm.getBlockTimestamp() < s.settledAt + interval;
    }

    function _capped(ISessionManager.Session memory s, uint256 amount) private pure returns (uint256) {
        return amount < s.deposit ? amount : s.deposit;
    }

    function _mayFollow(ISessionManager.State from, ISessionManager.State to) private pure returns (bool) {
        if (from == to) return true;
        if (from == ISessionManager.State.Active) return to != ISessionManager.State.Resolved;
        if (from == ISessionManager.State.Closed) {
            return to == ISessionManager.State.Claimed || to == ISessionManager.State.Disputed;
        }
        return from == ISessionManager.State.Disputed && to == ISessionManager.State.Resolved;
    }
}
