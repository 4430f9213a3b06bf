// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EtherLedger} from "../../../src/reputation/EtherLedger.sol";
import {ParameterKeys} from "../../../src/libraries/ParameterKeys.sol";
import {ReputationBase} from "../ReputationBase.sol";

/// @notice What operators, the governor and time can do to stakes. Each action happens only when it can, so that a
/// revert is a finding; `done` counts those that happened.
abstract contract StakeActions is ReputationBase {
    uint256 internal constant KEYS = 8;

    NodeKey[] internal keys;
    address[] internal operators;
    mapping(bytes20 node => bool) internal retired;
    mapping(uint256 record => bool) internal leaving;
    mapping(string action => uint256) internal done;

    uint256 public stakedEver;
    uint256 public slashedEver;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < KEYS; ++i) {
            keys.push(nodeKey(string.concat("handled", vm.toString(i))));
        }
        operators = [alice, bob, stranger];
    }

    function timesDone(string calldata action) external view returns (uint256) {
        return done[action];
    }

    function keyCount() external pure returns (uint256) {
        return KEYS;
    }

    function nodeOfKey(uint256 index) external view returns (bytes20) {
        return keys[index].node;
    }

    // ------------------------------------------------------------------------------------------------ operator

    function registerNode(uint256 key, uint256 who, uint256 stake) external {
        NodeKey memory chosen = keys[key % KEYS];
        if (params.paused() || !_isFree(chosen.node)) return;
        (uint256 minimum,) = params.minStake();
        stake = bound(stake, minimum, 4 * minimum);
        register(chosen, _funded(who), stake);
        stakedEver += stake;
        ++done["registerNode"];
    }

    function topUp(uint256 index, uint256 amount) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        if (!found || params.paused() || leaving[record]) return;
        amount = bound(amount, 1, 3 ether);
        address operator = registry.operatorOf(node);
        vm.deal(operator, operator.balance + amount);
        vm.prank(operator);
        registry.topUp{value: amount}(node);
        stakedEver += amount;
        ++done["topUp"];
    }

    function requestWithdrawal(uint256 index, uint256 amount) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        if (!found || leaving[record]) return;
        (uint256 staked,,,) = registry.stakeOf(node);
        (uint256 minimum,) = params.minStake();
        if (staked <= minimum) return;
        amount = bound(amount, 1, staked - minimum);
        vm.prank(registry.operatorOf(node));
        registry.requestWithdrawal(node, amount);
        ++done["requestWithdrawal"];
    }

    function deregisterNode(uint256 index) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        if (!found || leaving[record]) return;
        leaving[record] = true;
        vm.prank(registry.operatorOf(node));
        registry.deregisterNode(node);
        ++done["deregisterNode"];
    }

    function withdrawStake(uint256 index) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        if (!found) return;
        address operator = registry.operatorOf(node);
        (, uint256 unbonding,,) = registry.stakeOf(node);
        bool free = _isFreeNow(node);
        bool closes = leaving[record] && (free || unbonding == 0);
        bool pays = registry.due(operator) != 0 || (free && unbonding != 0);
        if (!closes && !pays) return;
        vm.prank(operator);
        registry.withdrawStake(node, operator);
        if (closes) ++done["close"];
        ++done["withdrawStake"];
    }

    function changeKey(uint256 index, uint256 to) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        NodeKey memory chosen = keys[to % KEYS];
        if (!found || params.paused() || leaving[record] || !_isFree(chosen.node)) return;
        (,,,, bool blacklisted,) = registry.standing(node);
        if (blacklisted || registry.recordOf(chosen.node) != 0) return;
        address operator = registry.operatorOf(node);
        string memory message = registry.keyChangeMessage(node, chosen.node, operator);
        vm.startPrank(operator);
        registry.changeKey(node, chosen.node, proofOf(_keyOf(node), message), proofOf(chosen, message));
        vm.stopPrank();
        retired[node] = true;
        ++done["changeKey"];
    }

    function handOver(uint256 index, uint256 who) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        if (!found || params.paused() || leaving[record]) return;
        address next = _funded(who);
        vm.prank(registry.operatorOf(node));
        registry.offerOperator(node, next);
        string memory message = registry.registrationMessage(node, next);
        vm.startPrank(next);
        registry.acceptOperator(node, proofOf(_keyOf(node), message));
        vm.stopPrank();
        ++done["handOver"];
    }

    // ------------------------------------------------------------------------------------------------ ledgers

    function withdrawDue(uint256 which, uint256 who) external {
        EtherLedger ledger = _ledger(which);
        address account = operators[who % operators.length];
        if (ledger.due(account) == 0) return;
        vm.prank(account);
        ledger.withdraw(account);
        ++done["withdrawDue"];
    }

    function collectTreasury(uint256 which) external {
        EtherLedger ledger = _ledger(which);
        if (ledger.treasuryDue() == 0) return;
        ledger.collectTreasury();
        ++done["collectTreasury"];
    }

    // ------------------------------------------------------------------------------------------------ governance

    function blacklist(uint256 key, uint256 how) external {
        bytes20 node = keys[key % KEYS].node;
        if (how % 2 == 0) {
            vm.prank(governor);
            params.extendBlacklist(node, timestamp() + 5 days, "reason");
        } else {
            vm.prank(governor);
            registry.blacklist(node);
        }
        _refreshAll();
        ++done["blacklist"];
    }

    function unblacklist(uint256 key) external {
        vm.prank(governor);
        registry.unblacklist(keys[key % KEYS].node);
    }

    function setMinimum(uint256 value) external {
        setParameter(ParameterKeys.MIN_STAKE, bound(value, 0.1 ether, 2 ether));
    }

    function setUnbonding(uint256 value) external {
        setParameter(ParameterKeys.UNBONDING_PERIOD, bound(value, 7 days, 60 days));
    }

    function togglePause(uint256 seed) external {
        if (params.paused()) {
            vm.prank(governor);
            params.unpause();
        } else if (seed % 4 == 0) {
            vm.prank(governor);
            params.renewPause(1 days);
        }
    }

    function passTime(uint256 time) external {
        skip(bound(time, 1 hours, 12 days));
    }

    function refresh() external {
        _refreshAll();
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _refreshAll() internal {
        bytes20[] memory nodes = new bytes20[](KEYS);
        for (uint256 i = 0; i < KEYS; ++i) {
            nodes[i] = keys[i].node;
        }
        registry.refresh(nodes);
    }

    function _any(uint256 index) internal view returns (bool found, bytes20 node, uint256 record) {
        uint256 count = registry.nodeCount();
        if (count == 0) return (false, 0, 0);
        node = registry.nodeAt(index % count);
        return (true, node, registry.recordOf(node));
    }

    function _keyOf(bytes20 node) internal view returns (NodeKey memory) {
        for (uint256 i = 0; i < KEYS; ++i) {
            if (keys[i].node == node) return keys[i];
        }
        revert("no such key");
    }

    /// @dev Whether the node can take a record.
    function _isFree(bytes20 node) internal view returns (bool) {
        (bool registered,,,, bool blacklisted,) = registry.standing(node);
        if (retired[node] || blacklisted) return false;
        if (!registered) return true;
        (, uint256 unbonding,,) = registry.stakeOf(node);
        return leaving[registry.recordOf(node)] && (unbonding == 0 || _isFreeNow(node));
    }

    /// @dev Whether what is unbonding has unbonded.
    function _isFreeNow(bytes20 node) internal view returns (bool) {
        (,, uint64 unbondsAt, uint64 heldUntil) = registry.stakeOf(node);
        return timestamp() >= unbondsAt && timestamp() >= heldUntil;
    }

    function _funded(uint256 who) internal returns (address operator) {
        operator = operators[who % operators.length];
        vm.deal(operator, operator.balance + 20 ether);
    }

    function _ledger(uint256 which) internal view returns (EtherLedger) {
        if (which % 3 == 0) return registry;
        return which % 3 == 1 ? EtherLedger(oracle) : EtherLedger(manager);
    }
}
