// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessPolicy} from "./IAccessPolicy.sol";
import {IDelayPolicy} from "./IDelayPolicy.sol";

/// @title IParameterRegistry
/// @notice Every number that governance may turn, the pause, the emergency blacklist and approved configurations.
/// @dev Power: the default admin (the timelock) sets parameters within hard bounds that are constants of the
/// code; nobody can pass them. A guardian can pause and blacklist for a limited time, and can change nothing
/// else. A pause stops new business only: contracts that ask `paused()` never let it stop a withdrawal, a claim,
/// a refund or the end of a dispute.
/// Units everywhere: shares and percentages in basis points (1 % = 100), ETH in wei, times in seconds, traffic
/// in bytes. Keys are the constants of `ParameterKeys`, `keccak256` of their names.
interface IParameterRegistry is IDelayPolicy {
    /// @notice How long a change has to be public before it takes effect.
    enum Tier {
        Standard,
        Major,
        Critical
    }

    /// @notice Everything about one key.
    struct Parameter {
        bytes32 key;
        uint256 value;
        uint256 minimum;
        uint256 maximum;
        Tier tier;
    }

    /// @notice What a gate takes from governance, in one read.
    struct GatePolicy {
        bool paused;
        uint64 pausedUntil;
        bool nodeBlacklisted;
        uint64 credentialTtl;
        uint16 freeDevices;
        uint16 paidDevices;
        uint256 freeBandwidth;
        uint256 paidBandwidth;
        uint256 minScore;
        address memes;
        uint256 thisCard;
        IAccessPolicy.Collection[] collections;
        uint64 revision;
    }

    /// @notice What the bridge oracle takes from governance, in one read.
    struct OraclePolicy {
        bool paused;
        uint64 pausedUntil;
        uint256 minStake;
        uint256 minStakeToStay;
        uint256 minScore;
        uint256 committeeSize;
        uint256 blacklistCount;
        bytes32 blacklistHash;
        bytes32 configHash;
        uint64 revision;
    }

    event ParameterChanged(bytes32 indexed key, uint256 oldValue, uint256 newValue);
    event AcceptedTokenChanged(address indexed token, bool accepted);
    event TreasuryChanged(address indexed oldTreasury, address indexed newTreasury);
    event ConfigApproved(bytes32 indexed scope, bytes32 indexed configHash);
    event Paused(address indexed by, uint64 until);
    event Unpaused(address indexed by);
    event NodeBlacklisted(bytes20 indexed node, uint64 until, bytes32 reason, address indexed by);
    event NodeCleared(bytes20 indexed node, address indexed by);
    event StandingListenerWired(address indexed listener);
    event StandingListenerFailed(bytes20 indexed node);

    error ParameterRegistryUnknownKey(bytes32 key);
    error ParameterRegistryOutOfBounds(bytes32 key, uint256 value, uint256 minimum, uint256 maximum);
    error ParameterRegistryFeeSharesSum(uint256 sum);
    error ParameterRegistryWeightsSum(uint256 sum);
    /// @notice Claim and dispute period of a session would not be shorter together than the critical delay, which is
    /// the notice of a rotation of the committee.
    error ParameterRegistrySessionEndsTooLate(uint256 ending, uint256 notice);
    error ParameterRegistryUnordered(bytes32 lowerKey, bytes32 higherKey);
    error ParameterRegistryLengthMismatch(uint256 keys, uint256 values);
    error ParameterRegistryZeroAddress();
    error ParameterRegistryNotAContract(address account);
    error ParameterRegistryTokenUnchanged(address token);
    error ParameterRegistryTooManyTokens(uint256 limit);
    error ParameterRegistryNotWirer(address caller);
    error ParameterRegistryAlreadyWired();
    error ParameterRegistryUnauthorized(address caller);
    error ParameterRegistryAlreadyPaused(uint64 until);
    error ParameterRegistryPauseSpent(uint64 availableAt);
    error ParameterRegistryNotPaused();
    error ParameterRegistryPauseTooLong(uint256 duration, uint256 maximum);
    error ParameterRegistryInvalidNode();
    error ParameterRegistryAlreadyBlacklisted(bytes20 node, uint64 until);
    error ParameterRegistryBlacklistSpent(bytes20 node, uint64 availableAt);
    error ParameterRegistryNotBlacklisted(bytes20 node);
    error ParameterRegistryInvalidTime(uint256 until);
    error ParameterRegistryListenerGas();

    // ---------------------------------------------------------------- reading

    /// @notice Value of `key`. Reverts on an unknown key.
    function get(bytes32 key) external view returns (uint256);

    /// @notice Values of `keys`, in their order. Reverts on an unknown key.
    function getMany(bytes32[] calldata keys) external view returns (uint256[] memory);

    /// @notice All keys.
    function keys() external view returns (bytes32[] memory);

    /// @notice All keys with values, bounds and tiers.
    function parameters() external view returns (Parameter[] memory);

    /// @notice Hard bounds and tier of `key`. Reverts on an unknown key.
    function boundsOf(bytes32 key) external pure returns (uint256 minimum, uint256 maximum, Tier tier);

    /// @notice Least stake of a new node, and of one that was registered before: after a raise the old minimum
    /// is enough to stay until STAKE_GRACE_PERIOD has passed.
    function minStake() external view returns (uint256 toEnter, uint256 toStay);

    /// @notice Whether payments in `token` are accepted; the zero address stands for ETH.
    function acceptedToken(address token) external view returns (bool);

    /// @notice All accepted tokens.
    function acceptedTokens() external view returns (address[] memory);

    /// @notice How a payment is shared, in basis points; always sums to 10,000.
    function feeShares() external view returns (uint16 operatorBps, uint16 treasuryBps, uint16 stakerBps);

    /// @notice Weights of the score; always sum to 1,000.
    function reputationWeights()
        external
        view
        returns (uint16 uptime, uint16 quality, uint16 stake, uint16 history);

    /// @notice Whether new business is stopped. Ends by itself at `pausedUntil`.
    function paused() external view returns (bool);

    /// @notice End of the current or last pause.
    function pausedUntil() external view returns (uint64);

    /// @notice Seconds of pause since `from`, for clocks that a pause stops.
    function pausedTime(uint64 from) external view returns (uint64);

    /// @notice Whether `node` is on the emergency blacklist now.
    function nodeBlacklisted(bytes20 node) external view returns (bool);

    /// @notice End of the entry of `node`; 0 without one.
    function nodeBlacklistedUntil(bytes20 node) external view returns (uint64);

    /// @notice Entries from `cursor` on, at most `limit`; `next` is 0 at the end. Ended ones stay listed, with
    /// their time, until somebody prunes them.
    function blacklist(uint256 cursor, uint256 limit)
        external
        view
        returns (bytes20[] memory nodes, uint64[] memory untils, uint256 next);

    /// @notice Where slashed stake and the treasury's share go.
    function treasury() external view returns (address);

    /// @notice Hash of the configuration that governance approved for `scope`; 0 without one.
    function approvedConfigHash(bytes32 scope) external view returns (bytes32);

    /// @notice Cards, tiers and collections.
    function accessPolicy() external view returns (IAccessPolicy);

    /// @notice Told of changes of the blacklist; the NodeRegistry.
    function standingListener() external view returns (address);

    /// @notice One cheap read for a gate, whatever its node.
    function policyForGate() external view returns (GatePolicy memory);

    /// @notice The same, for the gate in front of `node`.
    function policyForGateOf(bytes20 node) external view returns (GatePolicy memory);

    /// @notice One cheap read for the bridge oracle.
    function policyForOracle() external view returns (OraclePolicy memory);

    /// @notice Grows with every change.
    function revision() external view returns (uint64);

    // ------------------------------------------------------- timelock only

    /// @notice Set one parameter within its bounds. A member of a group (fee shares, weights, floor and ceiling,
    /// delays) must leave its group valid; to change several at once use `setMany`.
    function set(bytes32 key, uint256 value) external;

    /// @notice Set several parameters at once; the groups are checked at the end.
    function setMany(bytes32[] calldata keys, uint256[] calldata values) external;

    /// @notice Set the three fee shares, in basis points.
    function setFeeShares(uint16 operatorBps, uint16 treasuryBps, uint16 stakerBps) external;

    /// @notice Set the four weights of the score, which sum to 1,000.
    function setReputationWeights(uint16 uptime, uint16 quality, uint16 stake, uint16 history) external;

    /// @notice Accept payments in `token` or not; the zero address stands for ETH.
    function setAcceptedToken(address token, bool accepted) external;

    /// @notice Send slashed stake and the treasury's share to `newTreasury` from now on.
    function setTreasury(address newTreasury) external;

    /// @notice Approve the configuration with hash `configHash` for `scope`; 0 withdraws the approval.
    function approveConfig(bytes32 scope, bytes32 configHash) external;

    /// @notice Pause, or keep a pause, for `duration` from now, at most `MAX_RENEWED_PAUSE`.
    function renewPause(uint64 duration) external;

    /// @notice Blacklist `node` until `until` (`type(uint64).max`: until it is cleared).
    function extendBlacklist(bytes20 node, uint64 until, bytes32 reason) external;

    // ------------------------------------------------------ guardian's part

    /// @notice Stop new business for as long as the guardians' allowance lasts: `MAX_GUARDIAN_PAUSE` at most, used
    /// up by a pause, refilled over `PAUSE_REFILL` without one; what an early end leaves over is given back.
    function pause() external;

    /// @notice How long a guardian could pause now.
    function pauseAllowance() external view returns (uint64);

    /// @notice End the pause. The guardian can end a guardian's pause, the timelock any.
    function unpause() external;

    /// @notice Blacklist `node` for `GUARDIAN_BLACKLIST` from now; the same node again only after
    /// `GUARDIAN_BLACKLIST_REST` more.
    function blacklistNode(bytes20 node, bytes32 reason) external;

    /// @notice Take `node` off the blacklist. The guardian can clear a guardian's entry, the timelock any.
    function clearNode(bytes20 node) external;

    // ------------------------------------------------------------ everybody

    /// @notice Remove entries of `nodes` that have ended, and tell the listener.
    function pruneBlacklist(bytes20[] calldata nodes) external;

    /// @notice Once, by the deployer: who is told of changes of the blacklist.
    function wireStandingListener(address listener) external;
}
