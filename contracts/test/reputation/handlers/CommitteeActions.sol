// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterKeys} from "../../../src/libraries/ParameterKeys.sol";
import {Measurement} from "../../../src/interfaces/IReputationOracle.sol";
import {StakeActions} from "./StakeActions.sol";

/// @notice What committee members do, and the governor to them.
abstract contract CommitteeActions is StakeActions {
    uint256 internal constant CANDIDATES = 10;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = MEMBERS; i < CANDIDATES; ++i) {
            _addMember(string.concat("candidate", vm.toString(i)));
        }
    }

    function candidates() external view returns (address[] memory) {
        return members;
    }

    function bond(uint256 who, uint256 amount) external {
        address member = members[who % CANDIDATES];
        amount = bound(amount, 1, 2 ether);
        vm.deal(member, member.balance + amount);
        vm.prank(member);
        oracle.bond{value: amount}(member);
        ++done["bond"];
    }

    function unbond(uint256 who, uint256 amount) external {
        address member = members[who % CANDIDATES];
        (uint256 bonded,,,) = oracle.bondOf(member);
        if (oracle.isMember(member) || bonded == 0 || oracle.consentUntil(member) > timestamp()) return;
        amount = bound(amount, 1, bonded);
        vm.prank(member);
        oracle.unbond(member, amount);
        ++done["unbond"];
    }

    function withdrawBond(uint256 who) external {
        address member = members[who % CANDIDATES];
        (, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil) = oracle.bondOf(member);
        bool free = timestamp() >= unbondsAt && timestamp() >= heldUntil;
        if (oracle.due(member) == 0 && (!free || unbonding == 0)) return;
        vm.prank(member);
        oracle.withdrawBond(member, member);
        ++done["withdrawBond"];
    }

    function resign(uint256 who) external {
        address member = members[who % CANDIDATES];
        if (!oracle.isMember(member) || oracle.leavesAt(member) != 0) return;
        vm.prank(member);
        oracle.resign();
        ++done["resign"];
    }

    function leaveCommittee(uint256 who) external {
        // The next one who can.
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            address member = members[(who % CANDIDATES + i) % CANDIDATES];
            uint256 leaves = oracle.leavesAt(member);
            if (leaves == 0 || timestamp() < leaves) continue;
            vm.prank(member);
            oracle.leaveCommittee();
            ++done["leaveCommittee"];
            return;
        }
    }

    function rotate(uint256 seed, uint256 size) external {
        size = bound(size, 7, CANDIDATES);
        uint256 needed = params.get(ParameterKeys.COMMITTEE_BOND);
        address[] memory able = new address[](CANDIDATES);
        uint256 count = 0;
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            (uint256 bonded,,,) = oracle.bondOf(members[i]);
            if (bonded >= needed) able[count++] = members[i];
        }
        if (count < size) return;
        // Leave out one after the other until the size is right; the order stays.
        for (; count > size; --count) {
            uint256 out = uint256(keccak256(abi.encode(seed, count))) % count;
            for (uint256 i = out; i + 1 < count; ++i) {
                able[i] = able[i + 1];
            }
        }
        address[] memory next = new address[](size);
        for (uint256 i = 0; i < size; ++i) {
            next[i] = able[i];
            if (!oracle.isMember(able[i]) && oracle.consentUntil(able[i]) <= timestamp()) _consent(able[i]);
        }
        setParameter(ParameterKeys.ORACLE_COMMITTEE_SIZE, size);
        vm.prank(governor);
        oracle.setCommittee(next);
        ++done["rotate"];
    }

    function postScores(uint256 seed) external {
        uint64 epoch = timestamp() / 3_600 - 1;
        uint256 count = registry.nodeCount();
        if (!_canAttest() || epoch <= oracle.lastEpoch() || count == 0) return;
        Measurement[] memory list = new Measurement[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            list[i] = Measurement({
                node: registry.nodeAt(i),
                uptime: uint64(dice % (1e18 + 1)),
                throughput: uint16((dice >> 64) % 10_001),
                latency: uint16((dice >> 96) % 10_001),
                stability: uint16((dice >> 128) % 10_001),
                volume: uint64(dice >> 192)
            });
        }
        uint64 version = oracle.committeeVersion();
        bytes32 report = oracle.reportHash(epoch, oracle.rootOf(epoch, list), uint32(count), version);
        (address[] memory signers, bytes[] memory signatures) = signed(report, oracle.threshold());
        oracle.postEpochList(epoch, list, version, signers, signatures);
        ++done["postScores"];
    }

    function recompute(uint256 index) external {
        (bool found, bytes20 node,) = _any(index);
        if (!found || params.paused()) return;
        (, uint64 epoch) = oracle.attested(node);
        if (epoch == 0) return;
        oracle.recompute(node);
        ++done["recompute"];
    }

    function _canAttest() internal view returns (bool) {
        return !params.paused() && oracle.members().length >= oracle.threshold();
    }
}
