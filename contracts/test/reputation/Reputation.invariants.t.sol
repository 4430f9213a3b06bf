// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Standing} from "../../src/interfaces/INodeRegistry.sol";
import {DisputeState} from "../../src/interfaces/ISlashingManager.sol";
import {NodeRegistry} from "../../src/reputation/NodeRegistry.sol";
import {ReputationOracle} from "../../src/reputation/ReputationOracle.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";
import {RecordingSink} from "../mocks/Sinks.sol";
import {InvariantTest} from "../utils/InvariantTest.sol";
import {ReputationHandler} from "./handlers/ReputationHandler.sol";

/// @notice What holds of stake, bonds, scores and disputes, whatever anyone does in whatever order.
contract ReputationInvariantTest is InvariantTest {
    ReputationHandler private _handler;
    NodeRegistry private _registry;
    ReputationOracle private _oracle;
    SlashingManager private _manager;
    RecordingSink private _sink;

    function setUp() public {
        _handler = new ReputationHandler();
        _handler.setUp();
        (address registry, address oracle, address manager, address sink) = _handler.world();
        _registry = NodeRegistry(registry);
        _oracle = ReputationOracle(oracle);
        _manager = SlashingManager(manager);
        _sink = RecordingSink(sink);
        targetSelector(address(_handler), _selectors());
    }

    function _selectors() private view returns (bytes4[] memory selectors) {
        bytes4[33] memory all = [
            _handler.registerNode.selector,
            _handler.registerNode.selector,
            _handler.registerNode.selector,
            _handler.topUp.selector,
            _handler.requestWithdrawal.selector,
            _handler.deregisterNode.selector,
            _handler.withdrawStake.selector,
            _handler.changeKey.selector,
            _handler.handOver.selector,
            _handler.withdrawDue.selector,
            _handler.collectTreasury.selector,
            _handler.blacklist.selector,
            _handler.unblacklist.selector,
            _handler.setMinimum.selector,
            _handler.setUnbonding.selector,
            _handler.togglePause.selector,
            _handler.passTime.selector,
            _handler.passTime.selector,
            _handler.refresh.selector,
            _handler.bond.selector,
            _handler.unbond.selector,
            _handler.withdrawBond.selector,
            _handler.resign.selector,
            _handler.leaveCommittee.selector,
            _handler.rotate.selector,
            _handler.postScores.selector,
            _handler.recompute.selector,
            _handler.slashAutomatic.selector,
            _handler.openDispute.selector,
            _handler.decide.selector,
            _handler.execute.selector,
            _handler.disputeAttestation.selector,
            _handler.rule.selector
        ];
        bytes4[3] memory rest =
            [_handler.veto.selector, _handler.expire.selector, _handler.slashEquivocation.selector];
        selectors = new bytes4[](36);
        for (uint256 i = 0; i < 33; ++i) {
            selectors[i] = all[i];
        }
        for (uint256 i = 0; i < 3; ++i) {
            selectors[33 + i] = rest[i];
        }
    }

    /// @dev One campaign for all of them: the actions are what takes time.
    function invariant_allHoldNoRevert() public view {
        _assertRegistryIsSolvent();
        _assertOracleIsSolvent();
        _assertManagerIsSolvent();
        _assertSlashedIsNotMoreThanStaked();
        _assertWeightsSumUp();
        _assertListIsConsistent();
        _assertCommitteeIsAnOrderedSet();
    }

    /// @dev The campaign is worth what its actions reach, so each of them has to happen.
    function test_everyActionHappens() public {
        string[26] memory actions = [
            "registerNode",
            "topUp",
            "requestWithdrawal",
            "deregisterNode",
            "withdrawStake",
            "close",
            "changeKey",
            "handOver",
            "withdrawDue",
            "collectTreasury",
            "blacklist",
            "bond",
            "unbond",
            "withdrawBond",
            "resign",
            "leaveCommittee",
            "rotate",
            "postScores",
            "recompute",
            "slashAutomatic",
            "openDispute",
            "uphold",
            "reject",
            "execute",
            "expire",
            "disputeAttestation"
        ];
        uint256[26] memory times;
        uint256 slashed = 0;
        uint256 bondsSlashed = 0;
        for (uint256 world = 0; world < 12; ++world) {
            setUp();
            _play(world, 120);
            for (uint256 i = 0; i < actions.length; ++i) {
                times[i] += _handler.timesDone(actions[i]);
            }
            slashed += _handler.slashedEver();
            bondsSlashed += _handler.bondsSlashedEver();
            invariant_allHoldNoRevert();
            afterInvariant();
        }
        for (uint256 i = 0; i < actions.length; ++i) {
            assertGt(times[i], 0, actions[i]);
        }
        assertGt(slashed, 0, "slashed");
        assertGt(bondsSlashed, 0, "bonds slashed");
    }

    function _play(uint256 world, uint256 steps) private {
        bytes4[] memory selectors = _selectors();
        for (uint256 i = 0; i < steps; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(world, i)));
            (bool played, bytes memory reason) = address(_handler)
                .call(
                    abi.encodeWithSelector(
                        selectors[dice % selectors.length], dice >> 8, dice >> 16, dice >> 24, dice >> 32
                    )
                );
            assertTrue(played, string.concat("step ", vm.toString(i), " ", vm.toString(reason)));
        }
    }

    /// @dev Sum of stakes, pending withdrawals and dues = balance.
    function _assertRegistryIsSolvent() private view {
        (uint256 staked, uint256 unbonding) = _registry.totals();
        assertEq(address(_registry).balance, staked + unbonding + _handler.owed(0), "registry");
        uint256 sumStaked = 0;
        uint256 sumUnbonding = 0;
        for (uint256 i = 0; i < _registry.nodeCount(); ++i) {
            (uint256 nodeStaked, uint256 nodeUnbonding,,) = _registry.stakeOf(_registry.nodeAt(i));
            sumStaked += nodeStaked;
            sumUnbonding += nodeUnbonding;
        }
        assertEq(staked, sumStaked, "staked");
        assertEq(unbonding, sumUnbonding, "unbonding");
    }

    function _assertOracleIsSolvent() private view {
        uint256 sum = _handler.owed(1);
        address[] memory candidates = _handler.candidates();
        for (uint256 i = 0; i < candidates.length; ++i) {
            (uint256 bonded, uint256 unbonding,,) = _oracle.bondOf(candidates[i]);
            sum += bonded + unbonding;
        }
        assertEq(address(_oracle).balance, sum, "oracle");
    }

    function _assertManagerIsSolvent() private view {
        uint256 sum = _handler.owed(2);
        for (uint256 id = 1; id <= _manager.disputeCount(); ++id) {
            DisputeState state = _manager.disputes(id).state;
            bool pending = state == DisputeState.Open || state == DisputeState.Upheld;
            if (pending) sum += _manager.disputes(id).bond;
        }
        for (uint256 id = 1; id <= _manager.attestationDisputeCount(); ++id) {
            if (_manager.attestationDisputes(id).state == DisputeState.Open) {
                sum += _manager.attestationDisputes(id).bond;
            }
        }
        assertEq(address(_manager).balance, sum, "manager");
    }

    function _assertSlashedIsNotMoreThanStaked() private view {
        assertLe(_handler.slashedEver(), _handler.stakedEver(), "slashed");
        assertFalse(_handler.punishedTwice(), "punished twice");
    }

    function _assertWeightsSumUp() private view {
        (Standing[] memory page,) = _registry.standings(0, type(uint256).max);
        uint256 sum = 0;
        for (uint256 i = 0; i < page.length; ++i) {
            uint256 weight = _registry.rewardWeight(page[i].node);
            assertEq(_sink.weights(page[i].node), weight, "sink");
            assertLe(weight, page[i].stake * page[i].score, "weight");
            assertLe(page[i].score, 1_000, "score");
            sum += weight;
        }
        assertEq(_registry.totalRewardWeight(), sum, "total weight");
        assertEq(_sink.total(), sum, "sink's total");
    }

    /// @dev One node one record, and the list knows all of them.
    function _assertListIsConsistent() private view {
        (Standing[] memory page,) = _registry.standings(0, type(uint256).max);
        assertEq(_registry.nodeCount(), page.length, "count");
        uint256 seen = 0;
        for (uint256 i = 0; i < page.length; ++i) {
            uint256 record = _registry.recordOf(page[i].node);
            assertTrue(record != 0 && record < 256, "record");
            assertTrue(seen & (1 << record) == 0, "one record");
            seen |= 1 << record;
            assertEq(address(_registry.currentNode(page[i].node)), address(page[i].node), "current");
        }
        uint256 registered = 0;
        for (uint256 i = 0; i < _handler.keyCount(); ++i) {
            if (_registry.operatorOf(_handler.nodeOfKey(i)) != address(0)) ++registered;
        }
        assertEq(page.length, registered, "registered");
    }

    function _assertCommitteeIsAnOrderedSet() private view {
        address[] memory members = _oracle.members();
        assertLe(members.length, 15, "size");
        for (uint256 i = 0; i < members.length; ++i) {
            assertTrue(_oracle.isMember(members[i]), "member");
            if (i != 0) assertTrue(members[i - 1] < members[i], "order");
        }
        address[] memory candidates = _handler.candidates();
        uint256 count = 0;
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_oracle.isMember(candidates[i])) ++count;
        }
        assertEq(count, members.length, "members");
        assertGe(3 * _oracle.threshold(), 2 * members.length, "two thirds");
    }

    /// @dev Liveness: from wherever the run ended, everybody gets out and nothing is left.
    function afterInvariant() public {
        _handler.everybodyLeaves();
        assertEq(_registry.nodeCount(), 0, "nodes left");
        assertEq(_registry.totalRewardWeight(), 0, "weight left");
        assertEq(address(_registry).balance, 0, "left in the registry");
        assertEq(address(_oracle).balance, 0, "left in the oracle");
        assertEq(address(_manager).balance, 0, "left in the manager");
    }
}
