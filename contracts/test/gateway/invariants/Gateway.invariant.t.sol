// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../../src/interfaces/ISessionManager.sol";
import {PaymentSplitter} from "../../../src/gateway/PaymentSplitter.sol";
import {SessionManager} from "../../../src/gateway/SessionManager.sol";
import {InvariantTest} from "../../utils/InvariantTest.sol";
import {GatewayWorld} from "./GatewayWorld.sol";
import {SessionHandler} from "./SessionHandler.sol";
import {SplitterHandler} from "./SplitterHandler.sol";

/// @notice What is true of all money at all times, whatever anybody does in whatever order.
contract GatewayInvariantTest is InvariantTest {
    GatewayWorld private world;
    SessionHandler private sessions;
    SplitterHandler private payments;
    SessionManager private manager;
    PaymentSplitter private splitter;

    function setUp() public {
        vm.warp(1_800_000_000);
        world = new GatewayWorld();
        sessions = new SessionHandler(world);
        payments = new SplitterHandler(world);
        manager = world.manager();
        splitter = world.splitter();
        vm.deal(address(sessions), 1e40);
        vm.deal(address(payments), 1e40);

        bytes4[] memory s = new bytes4[](16);
        s[0] = SessionHandler.openNoRevert.selector;
        s[1] = SessionHandler.extendNoRevert.selector;
        s[2] = SessionHandler.topUpNoRevert.selector;
        s[3] = SessionHandler.closeNoRevert.selector;
        s[4] = SessionHandler.withdrawNoRevert.selector;
        s[5] = SessionHandler.claimNoRevert.selector;
        s[6] = SessionHandler.claimBatchNoRevert.selector;
        s[7] = SessionHandler.presentNoRevert.selector;
        s[8] = SessionHandler.completeNoRevert.selector;
        s[9] = SessionHandler.settleUsageNoRevert.selector;
        s[10] = SessionHandler.disputeNoRevert.selector;
        s[11] = SessionHandler.resolveNoRevert.selector;
        s[12] = SessionHandler.finalizeNoRevert.selector;
        s[13] = SessionHandler.resolveTimedOutNoRevert.selector;
        s[14] = SessionHandler.forwardDeferredNoRevert.selector;
        s[15] = SessionHandler.waitNoRevert.selector;
        targetSelector(address(sessions), s);

        bytes4[] memory p = new bytes4[](6);
        p[0] = SplitterHandler.payNoRevert.selector;
        p[1] = SplitterHandler.weighNoRevert.selector;
        p[2] = SplitterHandler.syncNoRevert.selector;
        p[3] = SplitterHandler.harvestNoRevert.selector;
        p[4] = SplitterHandler.withdrawNoRevert.selector;
        p[5] = SplitterHandler.governNoRevert.selector;
        targetSelector(address(payments), p);
    }

    /// @dev One campaign for all of them: the actions are what takes time.
    function invariant_AllHold() public view {
        _noSessionPaysMoreThanItsDeposit();
        _managerOwesWhatItHas();
        _splitterOwesWhatItHas();
        _moneyIsConserved();
        _rewardsAreCovered();
    }

    function _noSessionPaysMoreThanItsDeposit() private view {
        for (uint256 id = 1; id <= manager.sessionCount(); ++id) {
            ISessionManager.Session memory s = manager.session(id);
            assertLe(s.claimed, s.signed, "paid more than signed");
            assertLe(s.signed, s.deposit, "signed more than deposited");
        }
    }

    /// @dev Counted from the single claims, and compared with the contract's own sum and with what is there.
    function _managerOwesWhatItHas() private view {
        for (uint256 t = 0; t < 2; ++t) {
            address token = world.tokens(t);
            uint256 owed = world.credits(token) + world.deferred(token) + _held(token);
            assertEq(owed, manager.liabilities(token), "liabilities");
            assertEq(owed, world.balanceOf(address(manager), token), "balance");
        }
    }

    function _splitterOwesWhatItHas() private view {
        for (uint256 t = 0; t < 2; ++t) {
            address token = world.tokens(t);
            uint256 owed = world.pending(token) + splitter.stakerPool(token);
            assertEq(owed, splitter.liabilities(token), "liabilities");
            assertEq(owed, world.balanceOf(address(splitter), token), "balance");
        }
    }

    /// @dev Nothing appears and nothing disappears between the way in and the ways out.
    function _moneyIsConserved() private view {
        for (uint256 t = 0; t < 2; ++t) {
            address token = world.tokens(t);
            uint256 into = sessions.deposited(token) + payments.paid(token);
            uint256 out = sessions.withdrawn(token) + payments.withdrawn(token);
            uint256 held =
                world.balanceOf(address(manager), token) + world.balanceOf(address(splitter), token);
            assertEq(into, out + held, "conserved");
        }
    }

    function _rewardsAreCovered() private view {
        uint256 weights = 0;
        for (uint256 i = 0; i < 3; ++i) {
            (uint256 weight,) = splitter.staker(world.nodes(i));
            weights += weight;
        }
        assertEq(weights, splitter.totalWeight(), "weights sum");
        for (uint256 t = 0; t < 2; ++t) {
            address token = world.tokens(t);
            uint256 rewards = 0;
            for (uint256 i = 0; i < 3; ++i) {
                rewards += splitter.rewardOf(world.nodes(i), token);
            }
            assertLe(rewards, splitter.stakerPool(token), "rewards are in the pool");
        }
    }

    /// @dev Liveness: from wherever a run has ended, paused or not, with working parameters or without, every
    /// session comes to its end and every user gets everything. What waits for the splitter gets there once it works.
    function afterInvariant() public {
        skip(100 days);
        for (uint256 id = 1; id <= manager.sessionCount(); ++id) {
            ISessionManager.State state = manager.session(id).state;
            if (state == ISessionManager.State.Disputed) sessions.resolveTimedOut(id);
            else if (manager.settleableUntil(id) != 0) sessions.finalize(id);
        }
        for (uint256 t = 0; t < 2; ++t) {
            for (uint256 who = 0; who < 7; ++who) {
                sessions.withdrawNoRevert(t | who << 8);
            }
            address token = world.tokens(t);
            assertEq(world.balanceOf(address(manager), token), world.deferred(token), "users are paid out");
        }
        world.parameters().setBroken(false);
        for (uint256 t = 0; t < 2; ++t) {
            address token = world.tokens(t);
            for (uint256 i = 0; i < 3; ++i) {
                sessions.forwardDeferredNoRevert(t | i << 8);
                payments.harvestNoRevert(i | t << 8);
            }
            assertEq(world.balanceOf(address(manager), token), 0, "the manager is empty");
            for (uint256 who = 0; who < 4; ++who) {
                payments.withdrawNoRevert(t | who << 8);
            }
            assertEq(
                world.balanceOf(address(splitter), token), splitter.stakerPool(token), "only rewards wait"
            );
        }
        _moneyIsConserved();
    }

    /// @dev The invariants say nothing about what the handlers never do.
    function test_HandlersReachEverything() public {
        for (uint256 i = 0; i < 2_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            uint256 other = uint256(keccak256(abi.encode(seed)));
            _step(i % 22, seed, other);
        }
        string[16] memory actions = [
            "open",
            "topUp",
            "close",
            "withdraw",
            "claim",
            "batch",
            "batch item",
            "present",
            "complete",
            "usage",
            "dispute",
            "resolve",
            "finalize",
            "resolveTimedOut",
            "forward",
            "extend"
        ];
        for (uint256 i = 0; i < actions.length; ++i) {
            assertGt(sessions.done(actions[i]), 0, actions[i]);
        }
        string[6] memory others = ["pay", "weigh", "sync", "harvest", "withdraw", "govern"];
        for (uint256 i = 0; i < others.length; ++i) {
            assertGt(payments.done(others[i]), 0, others[i]);
        }
        invariant_AllHold();
        afterInvariant();
    }

    function _step(uint256 action, uint256 seed, uint256 other) private {
        if (action < 2) sessions.openNoRevert(seed, uint128(other), uint32(other >> 128));
        else if (action == 2) sessions.topUpNoRevert(seed, uint128(other));
        else if (action == 3) sessions.closeNoRevert(seed);
        else if (action == 4) sessions.withdrawNoRevert(seed);
        else if (action == 5) sessions.claimNoRevert(seed, other);
        else if (action == 6) sessions.claimBatchNoRevert([seed, seed + 1, seed + 2, other, other + 1], other);
        else if (action == 7) sessions.presentNoRevert(seed, other);
        else if (action == 8) sessions.completeNoRevert(seed, other);
        else if (action == 9) sessions.settleUsageNoRevert(seed, other);
        else if (action == 10) sessions.disputeNoRevert(seed);
        else if (action == 11) sessions.resolveNoRevert(seed, other, seed & 1 == 0);
        else if (action == 12) sessions.finalizeNoRevert(seed);
        else if (action == 13) sessions.resolveTimedOutNoRevert(seed);
        else if (action == 14) sessions.forwardDeferredNoRevert(seed);
        else if (action == 15) sessions.waitNoRevert(seed);
        else if (action == 16) payments.payNoRevert(seed, other);
        else if (action == 17) payments.weighNoRevert(seed, uint128(other));
        else if (action == 18) payments.syncNoRevert(seed);
        else if (action == 19) payments.harvestNoRevert(seed);
        else if (action == 20) payments.withdrawNoRevert(seed);
        else payments.governNoRevert(seed);
        sessions.extendNoRevert(other, uint32(seed));
    }

    /// @dev Deposits of sessions that have not ended, and bonds of those in dispute.
    function _held(address token) private view returns (uint256 sum) {
        for (uint256 id = 1; id <= manager.sessionCount(); ++id) {
            ISessionManager.Session memory s = manager.session(id);
            bool ended = s.state == ISessionManager.State.Claimed || s.state == ISessionManager.State.Resolved;
            if (!ended && s.token == token) sum += s.deposit - s.claimed;
            if (s.state == ISessionManager.State.Disputed && token == address(0)) sum += s.bond;
        }
    }
}
