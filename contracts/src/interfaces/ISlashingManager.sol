// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEtherLedger} from "./IEtherLedger.sol";

/// @notice What a node can be punished for. The first two are attested by the committee, the others disputed.
enum Offence {
    Downtime,
    PoorQuality,
    Logging,
    Malicious
}

/// @notice Where a dispute stands. All but `Open` and `Upheld` are final.
enum DisputeState {
    None,
    Open,
    Upheld,
    Executed,
    Rejected,
    Vetoed,
    Expired
}

/// @notice A period that was punished: [from, to).
struct Period {
    uint64 from;
    uint64 to;
}

/// @notice A dispute over a node.
/// @param disputer who paid the bond.
/// @param bond what was paid, in wei.
/// @param openedAt when it was opened.
/// @param deadline until when the committee can decide.
/// @param vetoPeriod time between upholding and execution, as it was governed at the opening.
/// @param executableAt when an upheld one can be executed.
/// @param state where it stands.
/// @param offence what the node is accused of.
/// @param node the node, as named by the disputer.
/// @param occurredAt when the offence happened.
/// @param record the node's record in the NodeRegistry.
/// @param evidenceHash of evidence that is published elsewhere.
struct Dispute {
    address disputer;
    uint96 bond;
    uint64 openedAt;
    uint64 deadline;
    uint64 vetoPeriod;
    uint64 executableAt;
    DisputeState state;
    Offence offence;
    bytes20 node;
    uint64 occurredAt;
    uint256 record;
    bytes32 evidenceHash;
}

/// @notice A dispute over something that members of the committee have signed.
/// @param disputer who paid the bond.
/// @param bond what was paid, in wei.
/// @param deadline until when the governor can rule.
/// @param state where it stands; `Upheld` never occurs, a ruling is executed at once.
/// @param structHash what was signed.
/// @param evidenceHash of evidence that is published elsewhere.
/// @param accused the signers.
struct AttestationDispute {
    address disputer;
    uint96 bond;
    uint64 deadline;
    DisputeState state;
    bytes32 structHash;
    bytes32 evidenceHash;
    address[] accused;
}

/// @title ISlashingManager
/// @notice Decides who is slashed, for what, and how much.
///
/// Power: two thirds of the committee can have a node punished: at once for the two automatic offences (small
/// parts, each period once), after a dispute and a veto period for the others, which is long
/// enough for the timelock. The veto role can stop an upheld
/// dispute in that time and nothing else. The governor (a timelock) rules on what the committee itself has signed.
/// A pause stops automatic punishment only, so it shields nobody from a dispute. Nobody can punish one offence
/// twice, and no dispute can stay open: past its deadline anyone ends it.
interface ISlashingManager is IEtherLedger {
    /// @notice `node` was slashed for a period attested by the committee.
    event AutomaticSlash(
        bytes20 indexed node, Offence indexed offence, uint64 from, uint64 to, uint256 taken
    );
    /// @notice A dispute over a node was opened.
    event DisputeOpened(
        uint256 indexed id,
        bytes20 indexed node,
        address indexed disputer,
        Offence offence,
        uint64 occurredAt,
        bytes32 evidenceHash
    );
    /// @notice The committee upheld a dispute.
    event DisputeUpheld(uint256 indexed id, uint256 executableAt);
    /// @notice The committee rejected a dispute; the bond is forfeited to the treasury.
    event DisputeRejected(uint256 indexed id);
    /// @notice An upheld dispute was stopped; the bond went back.
    event DisputeVetoed(uint256 indexed id);
    /// @notice A dispute was not decided, or not carried out, in time; the bond went back.
    event DisputeExpired(uint256 indexed id);
    /// @notice An upheld dispute was executed: bond back, and a reward out of what was taken for the disputer of the
    /// earliest dispute over this offence that is upheld. `taken` is 0 when the
    /// offence was punished before or the record is gone.
    event DisputeExecuted(uint256 indexed id, uint256 taken);
    /// @notice A dispute over an attestation was opened.
    event AttestationDisputed(
        uint256 indexed id,
        bytes32 indexed structHash,
        address indexed disputer,
        address[] accused,
        bytes32 evidenceHash
    );
    /// @notice The governor ruled; if upheld, `taken` was slashed from the bonds of the accused.
    event AttestationRuled(uint256 indexed id, bool upheld, uint256 taken);
    /// @notice The governor did not rule in time; half of the bond went back, half to the treasury.
    event AttestationDisputeExpired(uint256 indexed id);
    /// @notice `member` signed two reports for one epoch and was slashed.
    event EquivocationSlashed(
        address indexed member, uint64 indexed epoch, uint64 indexed version, address reporter, uint256 taken
    );

    /// @notice A constructor argument is zero.
    error SlashingManagerInvalidAddress();
    /// @notice The global pause is on.
    error SlashingManagerPaused();
    /// @notice The offence is not one of those that this call is for.
    error SlashingManagerWrongOffence(Offence offence);
    /// @notice No record is open for this node.
    error SlashingManagerNotRegistered(bytes20 node);
    /// @notice The period is too short, not over, too old, or before the node was registered.
    error SlashingManagerInvalidPeriod(uint64 from, uint64 to);
    /// @notice The node was punished for this offence in this period.
    error SlashingManagerAlreadyPunished(bytes20 node, Offence offence);
    /// @notice The committee has not signed this.
    error SlashingManagerNotAttested();
    /// @notice Exactly DISPUTE_BOND must be sent.
    error SlashingManagerWrongBond(uint256 sent);
    /// @notice The evidence hash is zero.
    error SlashingManagerNoEvidence();
    /// @notice The offence would have happened before the registration, or in the future.
    error SlashingManagerInvalidTime(uint64 occurredAt);
    /// @notice The caller brought the same accusation with the same evidence before, and it has not expired.
    error SlashingManagerDuplicate(uint256 id);
    /// @notice The dispute is not in the state that this call needs.
    error SlashingManagerWrongState(uint256 id, DisputeState state);
    /// @notice The deadline has passed.
    error SlashingManagerDeadlinePassed(uint256 id);
    /// @notice The deadline has not passed.
    error SlashingManagerDeadlineNotPassed(uint256 id);
    /// @notice The veto period has not passed.
    error SlashingManagerVetoPeriod(uint256 executableAt);
    /// @notice Nobody is accused, more than a committee has, or not in strictly ascending order.
    error SlashingManagerInvalidAccused();
    /// @notice The accused did not sign this.
    error SlashingManagerNotSigned(address accused);
    /// @notice The accused has no bond to lose.
    error SlashingManagerNothingBonded(address accused);
    /// @notice The two reports are the same, not of one epoch and version, or were punished before.
    error SlashingManagerNoEquivocation();

    // ------------------------------------------------------------------------------------------------ automatic

    /// @notice Slash for an attested period of `Downtime` (longer than DOWNTIME_PERIOD) or `PoorQuality` (at least
    /// POOR_QUALITY_PERIOD with a score below POOR_QUALITY_SCORE, as the committee measures it).
    /// @dev Periods of one offence of one record never overlap. What is signed is the EIP-712 struct
    /// `OffenceReport(address manager,bytes20 node,uint8 offence,uint64 from,uint64 to,uint64 committeeVersion)` in
    /// the committee's domain.
    function slashAutomatic(
        bytes20 node,
        Offence offence,
        uint64 from,
        uint64 to,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external returns (uint256 taken);

    // ------------------------------------------------------------------------------------------------ disputes

    /// @notice Accuse a node of `Logging` or `Malicious`, with the bond. The times of the dispute are those governed
    /// now. The stake is held until the dispute is final.
    /// @dev `evidenceHash` is `evidenceHashOf(msg.sender, hash of the evidence)`: the committee must reject a dispute
    /// whose evidence is not bound to its disputer, so that a copy of another's evidence is worth nothing.
    function openDispute(bytes20 node, Offence offence, uint64 occurredAt, bytes32 evidenceHash)
        external
        payable
        returns (uint256 id);

    /// @notice The committee's decision, until the deadline. What is signed is the EIP-712 struct
    /// `Verdict(address manager,uint256 dispute,bool upheld,uint64 committeeVersion)` in the committee's domain.
    function decide(
        uint256 id,
        bool upheld,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external;

    /// @notice Carry out an upheld dispute after the veto period; anyone may call, never pausable.
    function execute(uint256 id) external returns (uint256 taken);

    /// @notice Stop an upheld dispute that is not executed. Veto role only.
    function veto(uint256 id) external;

    /// @notice End a dispute that was not decided in time, or upheld but not carried out for long; anyone may call,
    /// never pausable.
    function expire(uint256 id) external;

    // ------------------------------------------------------------------------------------------------ committee

    /// @notice Accuse signers of having signed `structHash` falsely, with the bond.
    function disputeAttestation(
        bytes32 structHash,
        address[] calldata accused,
        bytes[] calldata signatures,
        bytes32 evidenceHash
    ) external payable returns (uint256 id);

    /// @notice Rule on it, until the deadline. Governor only.
    function rule(uint256 id, bool upheld) external returns (uint256 taken);

    /// @notice End one that was not ruled on in time; anyone may call, never pausable.
    function expireAttestationDispute(uint256 id) external;

    /// @notice Slash a member who signed two reports for one epoch under one committee. Needs no decision: the two
    /// signatures are the proof. There is no reward.
    function slashEquivocation(
        address member,
        uint64 epoch,
        uint64 version,
        bytes32[2] calldata roots,
        uint32[2] calldata counts,
        bytes[2] calldata signatures
    ) external returns (uint256 taken);

    // ------------------------------------------------------------------------------------------------ views

    /// @notice A dispute over a node.
    function disputes(uint256 id) external view returns (Dispute memory);

    /// @notice A dispute over an attestation.
    function attestationDisputes(uint256 id) external view returns (AttestationDispute memory);

    /// @notice Number of disputes over nodes; ids start at 1.
    function disputeCount() external view returns (uint256);

    /// @notice Number of disputes over attestations; ids start at 1.
    function attestationDisputeCount() external view returns (uint256);

    /// @notice The time up to which an offence of a record has been punished; of an automatic offence the end of the
    /// latest period.
    function punishedUntil(uint256 record, Offence offence) external view returns (uint64);

    /// @notice The punished periods of an automatic offence of a record, in order.
    function punishedPeriods(uint256 record, Offence offence) external view returns (Period[] memory);

    /// @notice The evidence hash of a dispute by `disputer`, of the hash of its evidence.
    function evidenceHashOf(address disputer, bytes32 evidence) external pure returns (bytes32);

    /// @notice What an offence costs now, in basis points of all that is slashable.
    function slashShare(Offence offence) external view returns (uint256 bps);

    /// @notice The struct hash of an offence report.
    function offenceHash(bytes20 node, Offence offence, uint64 from, uint64 to, uint64 version)
        external
        view
        returns (bytes32);

    /// @notice The struct hash of a verdict.
    function verdictHash(uint256 id, bool upheld, uint64 version) external view returns (bytes32);
}
