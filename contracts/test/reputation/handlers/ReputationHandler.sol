// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Dispute, DisputeState, Offence} from "../../../src/interfaces/ISlashingManager.sol";
import {ParameterKeys} from "../../../src/libraries/ParameterKeys.sol";
import {CommitteeActions} from "./CommitteeActions.sol";

/// @notice What accusers, the committee and the governor do to the accused; with it the handler is complete.
contract ReputationHandler is CommitteeActions {
    /// @dev Signed by someone and never true.
    bytes32 private constant STATEMENT = keccak256("a false statement");

    uint256 private _evidence;
    /// @notice Taken from bonds of members, ever.
    uint256 public bondsSlashedEver;
    /// @notice Whether any record was ever slashed twice for overlapping automatic periods.
    bool public punishedTwice;

    function slashAutomatic(uint256 index, uint256 length, uint256 which) external {
        (bool found, bytes20 node, uint256 record) = _any(index);
        if (!found || !_canAttest()) return;
        Offence offence = which % 2 == 0 ? Offence.PoorQuality : Offence.Downtime;
        uint64 to = timestamp();
        uint64 from = to - uint64(bound(length, 7 days, 12 days));
        uint64 since = registry.scoreFacts(node).since;
        uint64 punished = manager.punishedUntil(record, offence);
        if (from < since || from < punished || registry.leftAt(node) != 0) return;
        uint64 version = oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.offenceHash(node, offence, from, to, version), oracle.threshold());
        slashedEver += manager.slashAutomatic(node, offence, from, to, version, signers, signatures);
        // The same once more has to fail.
        (bool again,) = address(manager)
            .call(
                abi.encodeCall(
                    manager.slashAutomatic, (node, offence, from, to, version, signers, signatures)
                )
            );
        if (again) punishedTwice = true;
        ++done["slashAutomatic"];
    }

    function openDispute(uint256 index, uint256 who, uint256 age, uint256 which) external {
        (bool found, bytes20 node,) = _any(index);
        if (!found) return;
        uint64 since = registry.scoreFacts(node).since;
        uint64 occurredAt = timestamp() - uint64(bound(age, 0, timestamp() - since));
        address disputer = _funded(who);
        uint256 amount = params.get(ParameterKeys.DISPUTE_BOND);
        vm.prank(disputer);
        manager.openDispute{value: amount}(
            node, which % 2 == 0 ? Offence.Malicious : Offence.Logging, occurredAt, bytes32(++_evidence)
        );
        ++done["openDispute"];
    }

    function decide(uint256 id, uint256 verdict) external {
        (bool found, Dispute memory dispute) = _dispute(id, DisputeState.Open);
        if (!found || oracle.members().length < oracle.threshold() || timestamp() > dispute.deadline) return;
        id = 1 + id % manager.disputeCount();
        bool upheld = verdict % 3 != 0;
        uint64 version = oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.verdictHash(id, upheld, version), oracle.threshold());
        manager.decide(id, upheld, version, signers, signatures);
        ++done[upheld ? "uphold" : "reject"];
    }

    function execute(uint256 id) external {
        (bool found, Dispute memory dispute) = _dispute(id, DisputeState.Upheld);
        if (!found || timestamp() < dispute.executableAt) return;
        slashedEver += manager.execute(1 + id % manager.disputeCount());
        ++done["execute"];
    }

    function veto(uint256 id) external {
        (bool found,) = _dispute(id, DisputeState.Upheld);
        if (!found || id % 5 != 0) return;
        uint256 chosen = 1 + id % manager.disputeCount();
        vm.prank(governor);
        manager.veto(chosen);
        ++done["veto"];
    }

    function expire(uint256 id) external {
        (bool found, Dispute memory dispute) = _dispute(id, DisputeState.Open);
        if (!found || timestamp() <= dispute.deadline) return;
        manager.expire(1 + id % manager.disputeCount());
        ++done["expire"];
    }

    function disputeAttestation(uint256 who, uint256 accused) external {
        address member = members[accused % CANDIDATES];
        (uint256 bonded, uint256 unbonding,,) = oracle.bondOf(member);
        if (bonded + unbonding == 0) return;
        address[] memory list = new address[](1);
        bytes[] memory signatures = new bytes[](1);
        (list[0], signatures[0]) = (member, signature(memberKeys[member], oracle.digest(STATEMENT)));
        address disputer = _funded(who);
        uint256 amount = params.get(ParameterKeys.DISPUTE_BOND);
        vm.prank(disputer);
        manager.disputeAttestation{value: amount}(STATEMENT, list, signatures, bytes32(++_evidence));
        ++done["disputeAttestation"];
    }

    function rule(uint256 id, uint256 ruling) external {
        if (!_isOpenAttestation(id)) return;
        id = 1 + id % manager.attestationDisputeCount();
        if (timestamp() > manager.attestationDisputes(id).deadline) {
            manager.expireAttestationDispute(id);
        } else {
            vm.prank(governor);
            bondsSlashedEver += manager.rule(id, ruling % 2 == 0);
        }
        ++done["rule"];
    }

    function slashEquivocation(uint256 who, uint256 when) external {
        if (when % 4 != 0) return;
        uint64 epoch = uint64(when % 1_000);
        address member = members[who % CANDIDATES];
        bytes[2] memory signatures;
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 report = oracle.reportHash(epoch, bytes32(i + 1), 1, 1);
            signatures[i] = signature(memberKeys[member], oracle.digest(report));
        }
        bytes memory data = abi.encodeCall(
            manager.slashEquivocation,
            (member, epoch, 1, [bytes32(uint256(1)), bytes32(uint256(2))], [uint32(1), 1], signatures)
        );
        vm.prank(stranger);
        (bool first, bytes memory taken) = address(manager).call(data);
        if (first) bondsSlashedEver += abi.decode(taken, (uint256));
        (bool again,) = address(manager).call(data);
        if (again) punishedTwice = true;
        ++done["slashEquivocation"];
    }

    // ------------------------------------------------------------------------------------------------ the way out

    /// @notice With whatever state was reached: time passes, and everybody takes out what is his, the pause on and
    /// nobody but the owners and one passer-by taking part.
    function everybodyLeaves() external {
        vm.prank(governor);
        params.renewPause(30 days);
        for (uint256 i = 0; i < registry.nodeCount(); ++i) {
            bytes20 node = registry.nodeAt(i);
            if (leaving[registry.recordOf(node)]) continue;
            vm.prank(registry.operatorOf(node));
            registry.deregisterNode(node);
        }
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            if (!oracle.isMember(members[i])) continue;
            vm.startPrank(members[i]);
            uint256 leaves = oracle.leavesAt(members[i]);
            if (leaves == 0) oracle.resign();
            else if (leaves <= timestamp()) oracle.leaveCommittee();
            vm.stopPrank();
        }
        skip(oracle.RESIGNATION_WINDOW());
        _leaveMatured();
        skip(oracle.RESIGNATION_DELAY() - oracle.RESIGNATION_WINDOW());
        _leaveMatured();
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            vm.startPrank(members[i]);
            (uint256 bonded,,,) = oracle.bondOf(members[i]);
            if (bonded != 0) oracle.unbond(members[i], bonded);
            vm.stopPrank();
        }
        skip(60 days + 60 days);
        _endDisputes();
        _takeOut();
    }

    function _leaveMatured() private {
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            uint256 leaves = oracle.leavesAt(members[i]);
            if (!oracle.isMember(members[i]) || leaves == 0 || leaves > timestamp()) continue;
            vm.prank(members[i]);
            oracle.leaveCommittee();
        }
    }

    function _endDisputes() private {
        for (uint256 id = 1; id <= manager.disputeCount(); ++id) {
            DisputeState state = manager.disputes(id).state;
            if (state == DisputeState.Open) manager.expire(id);
            if (state == DisputeState.Upheld) manager.execute(id);
        }
        for (uint256 id = 1; id <= manager.attestationDisputeCount(); ++id) {
            if (manager.attestationDisputes(id).state == DisputeState.Open) {
                manager.expireAttestationDispute(id);
            }
        }
    }

    function _takeOut() private {
        while (registry.nodeCount() != 0) {
            bytes20 node = registry.nodeAt(0);
            address operator = registry.operatorOf(node);
            vm.prank(operator);
            registry.withdrawStake(node, operator);
        }
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            (, uint256 unbonding,,) = oracle.bondOf(members[i]);
            if (unbonding + oracle.due(members[i]) == 0) continue;
            vm.prank(members[i]);
            oracle.withdrawBond(members[i], members[i]);
        }
        for (uint256 which = 0; which < 3; ++which) {
            for (uint256 i = 0; i < operators.length; ++i) {
                if (_ledger(which).due(operators[i]) == 0) continue;
                vm.prank(operators[i]);
                _ledger(which).withdraw(operators[i]);
            }
            if (_ledger(which).treasuryDue() != 0) _ledger(which).collectTreasury();
        }
    }

    function _dispute(uint256 id, DisputeState state) private view returns (bool, Dispute memory dispute) {
        uint256 count = manager.disputeCount();
        if (count == 0) return (false, dispute);
        dispute = manager.disputes(1 + id % count);
        return (dispute.state == state, dispute);
    }

    function _isOpenAttestation(uint256 id) private view returns (bool) {
        uint256 count = manager.attestationDisputeCount();
        return count != 0 && manager.attestationDisputes(1 + id % count).state == DisputeState.Open;
    }

    // ------------------------------------------------------------------------------------------------ sums

    /// @notice What a ledger owes to all who can have dues.
    function owed(uint256 which) external view returns (uint256 sum) {
        sum = _ledger(which).treasuryDue();
        for (uint256 i = 0; i < operators.length; ++i) {
            sum += _ledger(which).due(operators[i]);
        }
        for (uint256 i = 0; i < CANDIDATES; ++i) {
            sum += _ledger(which).due(members[i]);
        }
    }

    /// @notice The contracts.
    function world() external view returns (address, address, address, address) {
        return (address(registry), address(oracle), address(manager), address(sink));
    }
}
