// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICommittee} from "./ICommittee.sol";
import {IEtherLedger} from "./IEtherLedger.sol";

/// @notice What the committee attests of one node at the end of an epoch. All values are absolute, so a report that
/// was missed or came late harms nothing.
/// @param node the node.
/// @param uptime exponential moving average over 1 h epochs (alpha 0.05), in parts of 10^18.
/// @param throughput points of throughput, 0–10000 (basis points of the best).
/// @param latency points of latency, 0–10000.
/// @param stability points of stability, 0–10000.
/// @param volume bytes ever served.
struct Measurement {
    bytes20 node;
    uint64 uptime;
    uint16 throughput;
    uint16 latency;
    uint16 stability;
    uint64 volume;
}

/// @title IReputationOracle
/// @notice A bonded committee attests measurements of nodes per epoch; the scores are computed here from these and
/// from what the chain knows by itself.
///
/// Power: the governor (a timelock) chooses the members among those who have bonded; it cannot post. Two thirds of
/// the members can post any measurements within bounds. The slasher can take bonds. The deployer can `wire` once.
/// Nobody can keep a member in the committee or its bond here for good.
///
/// An epoch is one hour: epoch n is [n · 3600, (n + 1) · 3600) in Unix time, whatever the parameters say, so numbers
/// never shift; EPOCH_LENGTH is the least time between two reports. A report is the root of a Merkle tree
/// over measurements; leaves are keccak256(keccak256(abi.encode(epoch, measurement))), nodes the keccak256 of the
/// sorted pair, an odd one is carried up. What is signed is the EIP-712 struct
/// `ScoreReport(uint64 epoch,bytes32 root,uint32 count,uint64 committeeVersion)`.
interface IReputationOracle is ICommittee, IEtherLedger {
    /// @notice Report of an epoch, valid from now on, whoever is in the committee later.
    event EpochPosted(
        uint64 indexed epoch, bytes32 root, uint32 count, uint64 indexed version, address[] signers
    );
    /// @notice A node's attested values are now these, and its score `score`.
    event ScoreApplied(
        bytes20 indexed node, uint256 indexed record, uint64 indexed epoch, Measurement values, uint16 score
    );
    /// @notice A measurement had no effect: the node has no record, or a newer one was applied.
    event MeasurementSkipped(bytes20 indexed node, uint64 indexed epoch);
    /// @notice The score of a node was computed anew from the values last attested.
    event ScoreRecomputed(bytes20 indexed node, uint256 indexed record, uint16 score);
    /// @notice The committee was rotated: `members` have the seats of `version`.
    event CommitteeChanged(uint64 indexed version, address[] members);
    /// @notice `member` left or was expelled. Version and threshold stay; its signatures count until `signsUntil`.
    event MemberLeft(address indexed member, uint64 indexed version, uint256 signsUntil);
    /// @notice `member` will be free to leave at `leavesAt`.
    event Resigned(address indexed member, uint256 leavesAt);
    /// @notice `amount` was added to the bond of `member`.
    event Bonded(address indexed member, uint256 amount);
    /// @notice `amount` of the bond of `member` began to unbond and is free at `unbondsAt`.
    event UnbondingStarted(address indexed member, uint256 amount, uint256 unbondsAt);
    /// @notice `amount` has left the reach of slashing and is due to `member`.
    event BondReleased(address indexed member, uint256 amount);
    /// @notice `member` lost `taken`; `reward` of it is due to `rewarded`, the rest to the treasury.
    event BondSlashed(address indexed member, uint256 taken, address indexed rewarded, uint256 reward);
    /// @notice The bond of `member` is paid out to `payee`, which alone may unbond it, from now on.
    event BondPayeeChanged(address indexed member, address indexed payee);
    /// @notice `member` can be seated by a rotation until `until`; its bond is locked until then.
    event ConsentGiven(address indexed member, uint256 until);
    /// @notice A rotation named `candidate`, whose bond or consent does not suffice: it has no seat.
    event CandidateSkipped(address indexed candidate);
    /// @notice What is unbonding for `member` stays slashable until `until` at least.
    event HoldPlaced(address indexed member, uint256 until);
    /// @notice One hold of the bond of `member` was lifted; the last one frees what has unbonded.
    event HoldLifted(address indexed member);

    /// @notice A constructor or `wire` argument is zero.
    error ReputationOracleInvalidAddress();
    /// @notice Only the deployer may wire, and only once.
    error ReputationOracleCannotWire();
    /// @notice The global pause is on.
    error ReputationOraclePaused();
    /// @notice The committee has not signed this.
    error ReputationOracleNotAttested();
    /// @notice Not at least EPOCH_LENGTH after the epoch last posted.
    error ReputationOracleEpochPosted(uint64 epoch, uint64 last);
    /// @notice The epoch has not ended.
    error ReputationOracleEpochNotOver(uint64 epoch);
    /// @notice The epoch ended too long ago.
    error ReputationOracleEpochTooOld(uint64 epoch);
    /// @notice No report of this epoch.
    error ReputationOracleUnknownEpoch(uint64 epoch);
    /// @notice A report of nothing.
    error ReputationOracleEmptyReport();
    /// @notice Lists of different lengths.
    error ReputationOracleLengthMismatch();
    /// @notice A measurement that is not in the report.
    error ReputationOracleWrongProof(uint256 index);
    /// @notice A value above its maximum.
    error ReputationOracleInvalidMeasurement(bytes20 node);
    /// @notice Nothing was ever attested of this node.
    error ReputationOracleNothingAttested(bytes20 node);
    /// @notice Not 7–15 members, or not as many as ORACLE_COMMITTEE_SIZE says.
    error ReputationOracleWrongSize(uint256 size);
    /// @notice Members are not in strictly ascending order.
    error ReputationOracleUnsorted(address member);
    /// @notice Fewer than 7 of the candidates have enough bond and are members or have consented.
    error ReputationOracleTooFewFit(uint256 count);
    /// @notice The caller is not the payee of this bond.
    error ReputationOracleNotPayee(address caller);
    /// @notice The consent does not reach into the future, is shorter than the present one, or is too long.
    error ReputationOracleInvalidConsent(uint256 until);
    /// @notice The bond is locked by its consent until `until`.
    error ReputationOracleBondLocked(uint256 until);
    /// @notice The caller is not a member.
    error ReputationOracleNotMember(address caller);
    /// @notice Members cannot unbond.
    error ReputationOracleStillMember(address caller);
    /// @notice The caller has not resigned, not long enough ago, or too long ago.
    error ReputationOracleCannotLeave(address caller, uint256 leavesAt);
    /// @notice The caller has resigned already.
    error ReputationOracleAlreadyResigned(address caller);
    /// @notice An amount of zero, or more than there is.
    error ReputationOracleInvalidAmount(uint256 amount);
    /// @notice What is unbonding is free only at `freeAt`.
    error ReputationOracleStillUnbonding(uint256 freeAt);
    /// @notice A part above 100 %.
    error ReputationOracleInvalidShare(uint256 bps);

    // ------------------------------------------------------------------------------------------------ reports

    /// @notice Post the report of an epoch that is over; only later epochs can follow. Anyone may carry it here.
    function postEpoch(
        uint64 epoch,
        bytes32 root,
        uint32 count,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external;

    /// @notice Post a report as the whole list and apply it at once.
    function postEpochList(
        uint64 epoch,
        Measurement[] calldata list,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external;

    /// @notice Apply measurements of a posted epoch. Anyone may call; those of unknown nodes, or older than what was
    /// applied before, are skipped.
    function applyMeasurements(uint64 epoch, Measurement[] calldata list, bytes32[][] calldata proofs)
        external;

    /// @notice Compute a node's score anew: stake, age, offences and weights change between reports.
    function recompute(bytes20 node) external returns (uint16 score);

    // ------------------------------------------------------------------------------------------------ members

    /// @notice Bond the ETH sent for `member`. Only the payee of the bond can take it out again.
    function bond(address member) external payable;

    /// @notice Make `payee` the payee of the bond of `member`. The present payee only, which is the member at first;
    /// so a member whose signing key is online can keep its bond under another key.
    function setBondPayee(address member, address payee) external;

    /// @notice Let a rotation seat `member` until `until`, at most `MAX_CONSENT` from now, and lock its bond until
    /// then. The payee only. A consent can be lengthened and not shortened; a rotation that seats the member ends it.
    function consent(address member, uint64 until) external;

    /// @notice Begin to unbond. The payee only; not while `member` has a seat or a consent. Never pausable.
    /// @dev What is unbonding has one clock: a further request restarts it for all that is not free yet.
    function unbond(address member, uint256 amount) external;

    /// @notice Send what has unbonded of the bond of `member`, and all else that is due to the caller, to `to`. The
    /// payee only. Never pausable.
    function withdrawBond(address member, address to) external;

    /// @notice Ask to leave the committee; `leaveCommittee` is open from `RESIGNATION_DELAY` on, for
    /// `RESIGNATION_WINDOW`. An unused resignation lapses; a rotation that drops the member ends it.
    function resign() external;

    /// @notice Leave the committee within the window of a resignation. The threshold stays that of the rotation; the
    /// caller's signatures count for `SIGNING_GRACE` more. Never pausable.
    function leaveCommittee() external;

    // ------------------------------------------------------------------------------------------------ roles

    /// @notice Replace the committee by candidates in strictly ascending order, as many as ORACLE_COMMITTEE_SIZE. A
    /// candidate below COMMITTEE_BOND, or neither a member nor with a consent, is skipped; at least 7 are seated.
    /// Governor only.
    function setCommittee(address[] calldata newMembers) external;

    /// @notice Take `bps` of a bond, `rewardBps` of it for `rewarded`, and expel a member. Slasher only.
    function slashBond(address member, uint256 bps, address rewarded, uint256 rewardBps)
        external
        returns (uint256 taken);

    /// @notice Keep what is unbonding slashable until `until`, at most `MAX_HOLD` from now. Slasher only.
    function holdBond(address member, uint64 until) external;

    /// @notice Lift one hold of a bond. Slasher only.
    function liftBond(address member) external;

    /// @notice Set the slasher and, if not empty, the first committee, once, by the deployer. The first members need
    /// no consent.
    function wire(address slasher, address[] calldata firstMembers) external;

    // ------------------------------------------------------------------------------------------------ views

    /// @notice The struct hash that members sign for a report.
    function reportHash(uint64 epoch, bytes32 root, uint32 count, uint64 version)
        external
        pure
        returns (bytes32);

    /// @notice The leaf of a measurement.
    function leafOf(uint64 epoch, Measurement calldata measurement) external pure returns (bytes32);

    /// @notice The root over a list.
    function rootOf(uint64 epoch, Measurement[] calldata list) external pure returns (bytes32);

    /// @notice A posted report, zeros when there is none.
    function reports(uint64 epoch) external view returns (bytes32 root, uint32 count, uint64 version);

    /// @notice The epoch last posted.
    function lastEpoch() external view returns (uint64);

    /// @notice The values last attested of a node, and for which epoch.
    function attested(bytes20 node) external view returns (Measurement memory values, uint64 epoch);

    /// @notice The score that `recompute` would set, and its four parts.
    function scoreOf(bytes20 node)
        external
        view
        returns (uint256 score, uint256 uptime, uint256 quality, uint256 stake, uint256 history);

    /// @notice Bond of `member`, what is unbonding, when that is free, and until when it is held.
    function bondOf(address member)
        external
        view
        returns (uint256 bonded, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil);

    /// @notice Who may unbond and withdraw the bond of `member`: the member itself unless it named another address.
    function bondPayee(address member) external view returns (address);

    /// @notice Until when the bond of `member` is locked by its consent.
    function consentUntil(address member) external view returns (uint256);

    /// @notice When a member that has resigned can leave; 0 for others and after the resignation has lapsed.
    function leavesAt(address member) external view returns (uint256);
}
