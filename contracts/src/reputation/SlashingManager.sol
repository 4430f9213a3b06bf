// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../interfaces/IReputationOracle.sol";
import {
    AttestationDispute,
    Dispute,
    DisputeState,
    ISlashingManager,
    Offence,
    Period
} from "../interfaces/ISlashingManager.sol";
import {OffenceHashes} from "../libraries/OffenceHashes.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {EtherLedger} from "./EtherLedger.sol";

/// @title SlashingManager
/// @notice See ISlashingManager.
contract SlashingManager is ISlashingManager, EtherLedger, AccessControlDefaultAdminRules {
    using SafeCast for uint256;

    /// @notice May stop an upheld dispute; the governor has it first and can give it to a council.
    bytes32 public constant VETO_ROLE = keccak256("VETO_ROLE");
    /// @notice What the veto period adds to the timelock's delay.
    uint64 public constant VETO_MARGIN = 2 days;
    /// @notice Time to rule on a dispute over an attestation; longer than any delay of the timelock.
    uint64 public constant RULING_PERIOD = 35 days;
    /// @notice Time to carry out a decision while the stake is still held.
    uint64 public constant EXECUTION_MARGIN = 3 days;
    /// @notice Time after which an upheld dispute that could not be carried out may be ended.
    uint64 public constant EXECUTION_PERIOD = 30 days;
    /// @notice Age at which an attested period is too old, without the time of pauses.
    uint64 public constant MAX_REPORT_AGE = 7 days;
    /// @notice Part of the bond that is lost when a dispute over an attestation is not ruled on, in basis points: a
    /// hold of other members' bonds is not free.
    uint256 public constant EXPIRED_BOND_LOSS = 5_000;
    /// @notice Most signers in one dispute.
    uint256 public constant MAX_ACCUSED = 15;

    INodeRegistry private immutable _REGISTRY;
    IReputationOracle private immutable _ORACLE;

    mapping(uint256 id => Dispute) private _disputes;
    mapping(uint256 id => AttestationDispute) private _attestationDisputes;
    uint256 private _disputeCount;
    uint256 private _attestationDisputeCount;
    /// @dev The latest dispute with one accusation, by its hash.
    mapping(bytes32 accusation => uint256 id) private _accusations;
    mapping(uint256 record => mapping(Offence => uint64)) private _punishedUntil;
    /// @dev Punished periods of automatic offences: in order, without overlaps.
    mapping(uint256 record => mapping(Offence => Period[])) private _periods;
    /// @dev The earliest dispute that is upheld and not final.
    mapping(uint256 record => mapping(Offence => uint256 id)) private _firstUpheld;
    mapping(address member => mapping(bytes32 offence => bool)) private _memberPunished;

    /// @param governor the timelock: default admin, unless it hands over in two steps. The deployer has nothing.
    constructor(
        IParameterRegistry parameters,
        INodeRegistry registry,
        IReputationOracle oracle,
        address governor
    ) EtherLedger(parameters) AccessControlDefaultAdminRules(1 days, governor) {
        if (address(parameters) == address(0)) revert SlashingManagerInvalidAddress();
        if (address(registry) == address(0)) revert SlashingManagerInvalidAddress();
        if (address(oracle) == address(0)) revert SlashingManagerInvalidAddress();
        _REGISTRY = registry;
        _ORACLE = oracle;
        _grantRole(VETO_ROLE, governor);
    }

    modifier whenNotPaused() {
        if (_PARAMETERS.paused()) revert SlashingManagerPaused();
        _;
    }

    // ------------------------------------------------------------------------------------------------ automatic

    /// @inheritdoc ISlashingManager
    function slashAutomatic(
        bytes20 node,
        Offence offence,
        uint64 from,
        uint64 to,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external nonReentrant whenNotPaused returns (uint256 taken) {
        uint256 record = _requireRecord(node);
        _requirePeriod(node, offence, from, to);
        if (!_insert(_periods[record][offence], from, to)) {
            revert SlashingManagerAlreadyPunished(node, offence);
        }
        bytes32 report = OffenceHashes.report(node, offence, from, to, version);
        if (!_ORACLE.verify(report, signatures, signers, version)) revert SlashingManagerNotAttested();

        taken = _REGISTRY.slash(node, slashShare(offence), _name(offence));
        emit AutomaticSlash(node, offence, from, to, taken);
    }

    // ------------------------------------------------------------------------------------------------ disputes

    /// @inheritdoc ISlashingManager
    function openDispute(bytes20 node, Offence offence, uint64 occurredAt, bytes32 evidenceHash)
        external
        payable
        nonReentrant
        returns (uint256 id)
    {
        if (_isAutomatic(offence)) revert SlashingManagerWrongOffence(offence);
        _requireBond(evidenceHash);
        uint256 record = _requireRecord(node);
        uint64 since = _REGISTRY.scoreFacts(node).since;
        if (occurredAt < since || occurredAt > block.timestamp) {
            revert SlashingManagerInvalidTime(occurredAt);
        }
        bytes32 accusation = keccak256(abi.encode(record, offence, evidenceHash, msg.sender));
        id = _accusations[accusation];
        if (id != 0 && _disputes[id].state != DisputeState.Expired) revert SlashingManagerDuplicate(id);

        id = ++_disputeCount;
        _accusations[accusation] = id;
        uint64 period = _PARAMETERS.get(ParameterKeys.DISPUTE_PERIOD).toUint64();
        uint64 deadline = uint64(block.timestamp) + period;
        uint64 vetoPeriod = _vetoPeriod();
        _disputes[id] = Dispute({
            disputer: msg.sender,
            bond: msg.value.toUint96(),
            openedAt: uint64(block.timestamp),
            deadline: deadline,
            vetoPeriod: vetoPeriod,
            executableAt: 0,
            state: DisputeState.Open,
            offence: offence,
            node: node,
            occurredAt: occurredAt,
            record: record,
            evidenceHash: evidenceHash
        });
        emit DisputeOpened(id, node, msg.sender, offence, occurredAt, evidenceHash);
        _REGISTRY.hold(node, deadline + vetoPeriod + EXECUTION_MARGIN);
    }

    /// @inheritdoc ISlashingManager
    function decide(
        uint256 id,
        bool upheld,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external {
        Dispute storage dispute = _dispute(id, DisputeState.Open);
        if (block.timestamp > dispute.deadline) revert SlashingManagerDeadlinePassed(id);
        bytes32 verdict = OffenceHashes.verdict(id, upheld, version);
        if (!_ORACLE.verify(verdict, signatures, signers, version)) revert SlashingManagerNotAttested();

        if (upheld) {
            uint64 executableAt = uint64(block.timestamp) + dispute.vetoPeriod;
            uint256 first = _firstUpheld[dispute.record][dispute.offence];
            if (first == 0 || id < first) _firstUpheld[dispute.record][dispute.offence] = id;
            dispute.state = DisputeState.Upheld;
            dispute.executableAt = executableAt;
            emit DisputeUpheld(id, executableAt);
        } else {
            dispute.state = DisputeState.Rejected;
            emit DisputeRejected(id);
            _creditTreasury(dispute.bond);
            _lift(dispute);
        }
    }

    /// @inheritdoc ISlashingManager
    function execute(uint256 id) external nonReentrant returns (uint256 taken) {
        Dispute storage dispute = _dispute(id, DisputeState.Upheld);
        uint64 executableAt = dispute.executableAt;
        if (block.timestamp < executableAt) revert SlashingManagerVetoPeriod(executableAt);
        dispute.state = DisputeState.Executed;
        _credit(dispute.disputer, dispute.bond);
        address rewarded = _disputes[_takeFirst(dispute, id)].disputer;

        (uint256 record, Offence offence) = (dispute.record, dispute.offence);
        bool punished = dispute.occurredAt <= _punishedUntil[record][offence];
        if (!punished && _REGISTRY.recordOf(dispute.node) == record) {
            // Whatever happened before the accusation is punished with it.
            _punishedUntil[record][offence] = dispute.openedAt;
            taken = _REGISTRY.slashAndReward(
                dispute.node, slashShare(offence), _name(offence), rewarded, _rewardShare()
            );
            if (offence == Offence.Malicious) _REGISTRY.blacklist(dispute.node);
        }
        emit DisputeExecuted(id, taken);
        _lift(dispute);
    }

    /// @inheritdoc ISlashingManager
    function veto(uint256 id) external onlyRole(VETO_ROLE) {
        Dispute storage dispute = _dispute(id, DisputeState.Upheld);
        dispute.state = DisputeState.Vetoed;
        emit DisputeVetoed(id);
        _credit(dispute.disputer, dispute.bond);
        _takeFirst(dispute, id);
        _lift(dispute);
    }

    /// @inheritdoc ISlashingManager
    function expire(uint256 id) external {
        Dispute storage dispute = _disputes[id];
        DisputeState state = dispute.state;
        uint256 end = dispute.deadline;
        if (state == DisputeState.Upheld) end = dispute.executableAt + EXECUTION_PERIOD;
        else if (state != DisputeState.Open) revert SlashingManagerWrongState(id, state);
        if (block.timestamp <= end) revert SlashingManagerDeadlineNotPassed(id);
        dispute.state = DisputeState.Expired;
        emit DisputeExpired(id);
        _credit(dispute.disputer, dispute.bond);
        _takeFirst(dispute, id);
        _lift(dispute);
    }

    // ------------------------------------------------------------------------------------------------ committee

    /// @inheritdoc ISlashingManager
    function disputeAttestation(
        bytes32 structHash,
        address[] calldata accused,
        bytes[] calldata signatures,
        bytes32 evidenceHash
    ) external payable nonReentrant returns (uint256 id) {
        _requireBond(evidenceHash);
        uint64 deadline = uint64(block.timestamp) + RULING_PERIOD;
        _requireAccused(structHash, accused, signatures);
        bytes32 accusation = keccak256(abi.encode(structHash, accused, evidenceHash, msg.sender));
        id = _accusations[accusation];
        if (id != 0 && _attestationDisputes[id].state != DisputeState.Expired) {
            revert SlashingManagerDuplicate(id);
        }

        id = ++_attestationDisputeCount;
        _accusations[accusation] = id;
        _attestationDisputes[id] = AttestationDispute({
            disputer: msg.sender,
            bond: msg.value.toUint96(),
            deadline: deadline,
            state: DisputeState.Open,
            structHash: structHash,
            evidenceHash: evidenceHash,
            accused: accused
        });
        emit AttestationDisputed(id, structHash, msg.sender, accused, evidenceHash);
        for (uint256 i = 0; i < accused.length; ++i) {
            _ORACLE.holdBond(accused[i], deadline + EXECUTION_MARGIN);
        }
    }

    /// @inheritdoc ISlashingManager
    function rule(uint256 id, bool upheld)
        external
        nonReentrant
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (uint256 taken)
    {
        AttestationDispute storage dispute = _openAttestationDispute(id);
        if (block.timestamp > dispute.deadline) revert SlashingManagerDeadlinePassed(id);
        if (upheld) {
            dispute.state = DisputeState.Executed;
            _credit(dispute.disputer, dispute.bond);
            bytes32 offence = dispute.structHash;
            address[] memory accused = dispute.accused;
            for (uint256 i = 0; i < accused.length; ++i) {
                if (_memberPunished[accused[i]][offence]) continue;
                _memberPunished[accused[i]][offence] = true;
                taken += _slashMember(accused[i], dispute.disputer, _rewardShare());
            }
        } else {
            dispute.state = DisputeState.Rejected;
            _creditTreasury(dispute.bond);
        }
        emit AttestationRuled(id, upheld, taken);
        _liftAccused(dispute);
    }

    /// @inheritdoc ISlashingManager
    function expireAttestationDispute(uint256 id) external {
        AttestationDispute storage dispute = _openAttestationDispute(id);
        if (block.timestamp <= dispute.deadline) revert SlashingManagerDeadlineNotPassed(id);
        dispute.state = DisputeState.Expired;
        emit AttestationDisputeExpired(id);
        uint256 lost = dispute.bond * EXPIRED_BOND_LOSS / 10_000;
        _credit(dispute.disputer, dispute.bond - lost);
        _creditTreasury(lost);
        _liftAccused(dispute);
    }

    /// @inheritdoc ISlashingManager
    function slashEquivocation(
        address member,
        uint64 epoch,
        uint64 version,
        bytes32[2] calldata roots,
        uint32[2] calldata counts,
        bytes[2] calldata signatures
    ) external nonReentrant returns (uint256 taken) {
        bytes32 offence = keccak256(abi.encode(epoch, version));
        bytes32 first = _ORACLE.reportHash(epoch, roots[0], counts[0], version);
        bytes32 second = _ORACLE.reportHash(epoch, roots[1], counts[1], version);
        if (first == second || _memberPunished[member][offence]) revert SlashingManagerNoEquivocation();
        if (!_ORACLE.signedBy(member, first, signatures[0])) revert SlashingManagerNotSigned(member);
        if (!_ORACLE.signedBy(member, second, signatures[1])) revert SlashingManagerNotSigned(member);

        _memberPunished[member][offence] = true;
        // No reward: the accused could take it by reporting itself, and any other caller by copying the report.
        taken = _slashMember(member, address(0), 0);
        emit EquivocationSlashed(member, epoch, version, msg.sender, taken);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @notice Whose nodes are slashed; fixed for good.
    function nodeRegistry() external view returns (INodeRegistry) {
        return _REGISTRY;
    }

    /// @notice Whose members decide, and are slashed; fixed for good.
    function reputationOracle() external view returns (IReputationOracle) {
        return _ORACLE;
    }

    /// @inheritdoc ISlashingManager
    function disputes(uint256 id) external view returns (Dispute memory) {
        return _disputes[id];
    }

    /// @inheritdoc ISlashingManager
    function attestationDisputes(uint256 id) external view returns (AttestationDispute memory) {
        return _attestationDisputes[id];
    }

    /// @inheritdoc ISlashingManager
    function disputeCount() external view returns (uint256) {
        return _disputeCount;
    }

    /// @inheritdoc ISlashingManager
    function attestationDisputeCount() external view returns (uint256) {
        return _attestationDisputeCount;
    }

    /// @inheritdoc ISlashingManager
    function punishedUntil(uint256 record, Offence offence) external view returns (uint64) {
        Period[] storage list = _periods[record][offence];
        return _isAutomatic(offence)
            ? (list.length == 0 ? 0 : list[list.length - 1].to)
            : _punishedUntil[record][offence];
    }

    /// @inheritdoc ISlashingManager
    function punishedPeriods(uint256 record, Offence offence) external view returns (Period[] memory) {
        return _periods[record][offence];
    }

    /// @inheritdoc ISlashingManager
    function evidenceHashOf(address disputer, bytes32 evidence) external pure returns (bytes32) {
        return keccak256(abi.encode(disputer, evidence));
    }

    /// @inheritdoc ISlashingManager
    function slashShare(Offence offence) public view returns (uint256 bps) {
        bytes32 key = ParameterKeys.SLASH_DOWNTIME_PERCENT;
        if (offence == Offence.PoorQuality) key = ParameterKeys.SLASH_POOR_QUALITY_PERCENT;
        if (offence == Offence.Logging) key = ParameterKeys.SLASH_LOGGING_PERCENT;
        if (offence == Offence.Malicious) key = ParameterKeys.SLASH_MALICIOUS_PERCENT;
        return _PARAMETERS.get(key);
    }

    /// @inheritdoc ISlashingManager
    function offenceHash(bytes20 node, Offence offence, uint64 from, uint64 to, uint64 version)
        external
        view
        returns (bytes32)
    {
        return OffenceHashes.report(node, offence, from, to, version);
    }

    /// @inheritdoc ISlashingManager
    function verdictHash(uint256 id, bool upheld, uint64 version) external view returns (bytes32) {
        return OffenceHashes.verdict(id, upheld, version);
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _requireRecord(bytes20 node) private view returns (uint256 record) {
        record = _REGISTRY.recordOf(node);
        if (record == 0) revert SlashingManagerNotRegistered(node);
    }

    function _requireBond(bytes32 evidenceHash) private view {
        if (msg.value != _PARAMETERS.get(ParameterKeys.DISPUTE_BOND)) {
            revert SlashingManagerWrongBond(msg.value);
        }
        if (evidenceHash == 0) revert SlashingManagerNoEvidence();
    }

    function _requirePeriod(bytes20 node, Offence offence, uint64 from, uint64 to) private view {
        if (!_isAutomatic(offence)) revert SlashingManagerWrongOffence(offence);
        bool ordered = from < to && to <= block.timestamp && from >= _REGISTRY.scoreFacts(node).since;
        // A node that has left owes no service.
        uint64 leftAt = _REGISTRY.leftAt(node);
        if (leftAt != 0 && to > leftAt) ordered = false;
        // A pause stops reports, so it stops their age too; the age is asked for only where it could be too great.
        bool old = uint256(to) + MAX_REPORT_AGE < block.timestamp;
        if (!ordered || (old && uint256(to) + MAX_REPORT_AGE + _PARAMETERS.pausedTime(to) < block.timestamp))
        {
            revert SlashingManagerInvalidPeriod(from, to);
        }
        bool long = offence == Offence.Downtime
            ? to - from > _PARAMETERS.get(ParameterKeys.DOWNTIME_PERIOD)
            : to - from >= _PARAMETERS.get(ParameterKeys.POOR_QUALITY_PERIOD);
        if (!long) revert SlashingManagerInvalidPeriod(from, to);
    }

    function _requireAccused(bytes32 structHash, address[] calldata accused, bytes[] calldata signatures)
        private
        view
    {
        uint256 count = accused.length;
        if (count == 0 || count > MAX_ACCUSED || count != signatures.length) {
            revert SlashingManagerInvalidAccused();
        }
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address member = accused[i];
            if (member <= previous) revert SlashingManagerInvalidAccused();
            if (!_ORACLE.signedBy(member, structHash, signatures[i])) {
                revert SlashingManagerNotSigned(member);
            }
            (uint256 bonded, uint256 unbonding,,) = _ORACLE.bondOf(member);
            if (bonded + unbonding == 0) revert SlashingManagerNothingBonded(member);
            previous = member;
        }
    }

    function _dispute(uint256 id, DisputeState needed) private view returns (Dispute storage dispute) {
        dispute = _disputes[id];
        if (dispute.state != needed) revert SlashingManagerWrongState(id, dispute.state);
    }

    function _openAttestationDispute(uint256 id) private view returns (AttestationDispute storage dispute) {
        dispute = _attestationDisputes[id];
        if (dispute.state != DisputeState.Open) revert SlashingManagerWrongState(id, dispute.state);
    }

    function _slashMember(address member, address rewarded, uint256 rewardBps) private returns (uint256) {
        return _ORACLE.slashBond(member, slashShare(Offence.Malicious), rewarded, rewardBps);
    }

    /// @dev The dispute that is rewarded for this one: the earliest upheld one over the same offence of the record.
    /// When the earliest ends, the next that is decided or executed takes its place.
    function _takeFirst(Dispute storage dispute, uint256 id) private returns (uint256 first) {
        mapping(Offence => uint256) storage firstOf = _firstUpheld[dispute.record];
        first = firstOf[dispute.offence];
        if (first == id) firstOf[dispute.offence] = 0;
        if (first == 0 || first > id) first = id;
    }

    /// @dev A dispute that is final holds nothing. The stake of a record that was closed is out of reach anyway.
    function _lift(Dispute storage dispute) private {
        bytes20 node = dispute.node;
        if (_REGISTRY.recordOf(node) == dispute.record) _REGISTRY.lift(node);
    }

    function _liftAccused(AttestationDispute storage dispute) private {
        address[] memory accused = dispute.accused;
        for (uint256 i = 0; i < accused.length; ++i) {
            _ORACLE.liftBond(accused[i]);
        }
    }

    /// @dev Puts the period in its place, unless it overlaps another. Periods come about in order, so the search
    /// begins at the end; as reports are at most MAX_REPORT_AGE old, few are passed.
    function _insert(Period[] storage list, uint64 from, uint64 to) private returns (bool) {
        uint256 place = list.length;
        while (place != 0 && list[place - 1].from >= to) --place;
        if (place != 0 && list[place - 1].to > from) return false;
        list.push();
        for (uint256 i = list.length - 1; i > place; --i) {
            list[i] = list[i - 1];
        }
        list[place] = Period(from, to);
        return true;
    }

    function _rewardShare() private view returns (uint256) {
        return _PARAMETERS.get(ParameterKeys.DISPUTE_REWARD_SHARE);
    }

    /// @dev Long enough for the timelock to schedule and run a veto.
    function _vetoPeriod() private view returns (uint64) {
        return _PARAMETERS.get(ParameterKeys.TIMELOCK_DELAY_MAJOR).toUint64() + VETO_MARGIN;
    }

    function _isAutomatic(Offence offence) private pure returns (bool) {
        return offence == Offence.Downtime || offence == Offence.PoorQuality;
    }

    function _name(Offence offence) private pure returns (bytes32) {
        if (offence == Offence.Downtime) return keccak256("DOWNTIME");
        if (offence == Offence.PoorQuality) return keccak256("POOR_QUALITY");
        if (offence == Offence.Logging) return keccak256("LOGGING");
        return keccak256("MALICIOUS");
    }
}
