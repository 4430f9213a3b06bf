// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEtherLedger} from "./IEtherLedger.sol";
import {IStandingListener} from "./IStandingListener.sol";

/// @notice A statement signed by a node's own secp256k1 key.
/// @param pubKey the compressed key, 33 bytes.
/// @param signature r || s, 64 bytes, low s.
/// @param form 0: over sha256 of the message; 1: over sha256 of its ADR-036 sign document.
struct NodeProof {
    bytes pubKey;
    bytes signature;
    uint8 form;
}

/// @notice One line of `standings`.
struct Standing {
    bytes20 node;
    bool registered;
    bool active;
    uint256 stake;
    uint16 score;
    bool blacklisted;
    uint64 since;
}

/// @notice What the score of a node is computed from on chain.
/// @param record number of the record, 0 when there is none; it survives a change of the node's key.
/// @param stake bonded ETH in wei.
/// @param minimum the minimum stake to stay, in wei.
/// @param since registration time.
/// @param offences times slashed.
/// @param ordinal 1 for an operator's first node, 2 for the second, …
struct ScoreFacts {
    uint256 record;
    uint256 stake;
    uint256 minimum;
    uint64 since;
    uint16 offences;
    uint32 ordinal;
}

/// @title INodeRegistry
/// @notice Nodes, the ETH staked for them, and their standing. Keyed by the 20 bytes of `sentnode1…`.
///
/// Power: the governor (a timelock) can blacklist and lift it, and replace reporter and slasher; it
/// cannot move stake. The reporter can set scores, the slasher can slash and hold back stake that is not unbonded
/// yet. The deployer can `wire` once. Nobody, and no pause, can keep matured stake from its operator.
///
/// A record belongs to one node key and one operator. Several keys may have held it, one after the other: an address
/// that was given up by `changeKey` never registers again and keeps leading to its record, so that an offence
/// follows it.
interface INodeRegistry is IEtherLedger, IStandingListener {
    /// @notice Anything that matters to standing has changed; the values are the new ones. After a node has left,
    /// all are zero (but `blacklisted`). Two changes come by the clock alone and have no event of their own when they
    /// happen: the grace of a raised minimum ending and an emergency blacklisting running out (both announced by the
    /// ParameterRegistry); `refresh` emits this event for them.
    event StandingChanged(
        bytes20 indexed node, bool active, uint256 stake, uint16 score, bool blacklisted, uint64 since
    );
    /// @notice `node` was registered as the `ordinal`th of `operator`'s present nodes.
    event NodeRegistered(
        bytes20 indexed node, address indexed operator, uint256 indexed record, uint256 stake, uint256 ordinal
    );
    /// @notice `amount` was added to the stake of `node`.
    event StakeAdded(bytes20 indexed node, uint256 amount);
    /// @notice `amount` began to unbond; all that is unbonding for `node` is free at `unbondsAt`.
    event UnbondingStarted(bytes20 indexed node, uint256 amount, uint256 unbondsAt);
    /// @notice `node` takes no more sessions; its record closes when the stake has been withdrawn.
    event NodeDeregistered(bytes20 indexed node);
    /// @notice `amount` of `node`'s stake has left the reach of slashing and is due to `operator`.
    event StakeUnbonded(bytes20 indexed node, address indexed operator, uint256 amount);
    /// @notice The record of `node` is closed; it may register anew.
    event NodeClosed(bytes20 indexed node, uint256 indexed record);
    /// @notice The record of `oldNode` is now `newNode`'s.
    event KeyChanged(bytes20 indexed oldNode, bytes20 indexed newNode, uint256 indexed record);
    /// @notice `operator` offers `node` to `candidate` (zero: the offer is withdrawn).
    event OperatorOffered(bytes20 indexed node, address indexed operator, address indexed candidate);
    /// @notice `newOperator` has taken over `node`.
    event OperatorChanged(bytes20 indexed node, address indexed oldOperator, address indexed newOperator);
    /// @notice `node` lost `fromStake` and `fromUnbonding`; `reward` of the sum is due to `rewarded`, the rest to
    /// the treasury.
    event NodeSlashed(
        bytes20 indexed node,
        bytes32 indexed offence,
        uint256 fromStake,
        uint256 fromUnbonding,
        address indexed rewarded,
        uint256 reward
    );
    /// @notice What is unbonding for `node` stays slashable until `until` at least.
    event HoldPlaced(bytes20 indexed node, uint256 until);
    /// @notice One hold of the stake of `node` was lifted; the last one frees what has unbonded.
    event HoldLifted(bytes20 indexed node);
    /// @notice `node` was put on, or taken off, the registry's blacklist.
    event BlacklistUpdated(bytes20 indexed node, bool blacklisted);
    /// @notice Rewards are shared by `sink` from now on.
    event RewardSinkUpdated(address indexed sink);
    /// @notice The sink did not take the new weight of `node`; `refresh` tries again.
    event RewardSinkFailed(bytes20 indexed node, uint256 weight);

    /// @notice A constructor or `wire` argument is zero.
    error NodeRegistryInvalidAddress();
    /// @notice Only the deployer may wire, and only once.
    error NodeRegistryCannotWire();
    /// @notice The global pause is on. Exits are never paused.
    error NodeRegistryPaused();
    /// @notice The caller is not the operator of this node.
    error NodeRegistryNotOperator(address caller);
    /// @notice The caller was not offered this node.
    error NodeRegistryNotOffered(address caller);
    /// @notice No record is open for this node.
    error NodeRegistryNotRegistered(bytes20 node);
    /// @notice The node has a record.
    error NodeRegistryAlreadyRegistered(bytes20 node);
    /// @notice The node's key was given up by `changeKey`.
    error NodeRegistryRetired(bytes20 node);
    /// @notice The node is blacklisted.
    error NodeRegistryBlacklisted(bytes20 node);
    /// @notice The node is leaving.
    error NodeRegistryDeregistered(bytes20 node);
    /// @notice The stake would be below the minimum.
    error NodeRegistryStakeTooLow(uint256 stake, uint256 minimum);
    /// @notice An amount of zero.
    error NodeRegistryZeroAmount();
    /// @notice What is unbonding is free only at `freeAt`.
    error NodeRegistryStillUnbonding(uint256 freeAt);
    /// @notice The public key is not the node's.
    error NodeRegistryWrongKey(bytes20 node);
    /// @notice The signature is not the node's over the expected message.
    error NodeRegistryWrongSignature(bytes20 node);
    /// @notice A score above 1000.
    error NodeRegistryInvalidScore(uint256 score);
    /// @notice A part above 100 %.
    error NodeRegistryInvalidShare(uint256 bps);
    /// @notice The caller has left too little gas for the reward sink.
    error NodeRegistryTooLittleGas();

    // ------------------------------------------------------------------------------------------------ operator

    /// @notice Register `node` with the ETH sent as its stake; the caller becomes its operator.
    /// @param pubKey33 the node's compressed public key; its ripemd160(sha256) must be `node`.
    /// @param signature by that key over `registrationMessage(node, caller)`, 64 bytes r || s.
    /// @param form 0: over sha256 of the message; 1: over sha256 of its ADR-036 sign document (Keplr, Ledger).
    function registerNode(bytes20 node, bytes calldata pubKey33, bytes calldata signature, uint8 form)
        external
        payable;

    /// @notice Add the ETH sent to the stake. Operator only.
    /// @dev What is added counts for staker rewards a day later, from the next `refresh` or change of the node on. A
    /// further top-up within that time starts it anew for all of it. Never pausable.
    function topUp(bytes20 node) external payable;

    /// @notice Begin to unbond a part; at least the minimum must remain. Operator only, never pausable.
    /// @dev What is unbonding has one clock: a further request restarts it for all that is not free yet.
    function requestWithdrawal(bytes20 node, uint256 amount) external;

    /// @notice Begin to unbond everything; the node is inactive at once. Operator only, never pausable.
    function deregisterNode(bytes20 node) external;

    /// @notice Send what has unbonded, and all else that is due to the caller, to `to`; closes the record of a
    /// deregistered node. Operator only, never pausable.
    function withdrawStake(bytes20 node, address to) external;

    /// @notice Move the record to another key. Both keys sign `keyChangeMessage(node, newNode, caller)`. Operator
    /// only. A blacklisted node cannot, so nobody sheds a blacklisting.
    function changeKey(
        bytes20 node,
        bytes20 newNode,
        NodeProof calldata oldProof,
        NodeProof calldata newProof
    ) external;

    /// @notice Offer the node to another operator (zero withdraws the offer). Operator only.
    function offerOperator(bytes20 node, address candidate) external;

    /// @notice Take over an offered node; the node's key signs `registrationMessage(node, caller)`.
    /// @dev Stake, also what is unbonding, and score go with the record; what was due before stays with the old
    /// operator. Counts as the new operator's newest node.
    function acceptOperator(bytes20 node, NodeProof calldata proof) external;

    // ------------------------------------------------------------------------------------------------ anyone

    /// @notice Emit what the clock or the ParameterRegistry has changed in the standing of these nodes, and tell the
    /// reward sink again should it have failed.
    function refresh(bytes20[] calldata nodes) external;

    // ------------------------------------------------------------------------------------------------ roles

    /// @notice Set a score, 0–1000. Reporter only. An address that was given up leads to its record.
    function updateReputationScore(bytes20 node, uint16 score) external;

    /// @notice Take `bps` of all that is slashable and credit it to the treasury. Slasher only.
    function slash(bytes20 node, uint256 bps, bytes32 offence) external returns (uint256 taken);

    /// @notice The same, with `rewardBps` of what is taken credited to `rewarded`. Slasher only.
    function slashAndReward(bytes20 node, uint256 bps, bytes32 offence, address rewarded, uint256 rewardBps)
        external
        returns (uint256 taken);

    /// @notice Keep what is unbonding slashable until `until`, at most `MAX_HOLD` from now. Slasher only.
    /// @dev Without effect on what has already unbonded and was merely held, so holds cannot be chained.
    function hold(bytes20 node, uint64 until) external;

    /// @notice Lift one hold. Slasher only.
    function lift(bytes20 node) external;

    /// @notice Put a node on the blacklist for good. Slasher or governor.
    function blacklist(bytes20 node) external;

    /// @notice Take a node off the blacklist. Governor only.
    function unblacklist(bytes20 node) external;

    /// @notice Set the collaborators and the contract that hears of weights, once, by the deployer.
    function wire(address reporter, address slasher, address sink) external;

    // ------------------------------------------------------------------------------------------------ views

    /// @notice Whether the node may serve: `registered`, `active` = not leaving and at least the minimum to stay
    /// staked, the bonded `stake` in wei, its `score` (0 until the first report), whether it is on either
    /// blacklist, and since when it is registered.
    function standing(bytes20 node)
        external
        view
        returns (bool registered, bool active, uint256 stake, uint16 score, bool blacklisted, uint64 since);

    /// @notice Up to `limit` standings from `cursor` on; `next` is the cursor to go on with, 0 at the end.
    /// @dev Positions move when records close: read all pages at one block.
    function standings(uint256 cursor, uint256 limit)
        external
        view
        returns (Standing[] memory page, uint256 next);

    /// @notice Of the `limit` records from `cursor` on, those of active nodes that are not blacklisted.
    function getActiveNodes(uint256 cursor, uint256 limit)
        external
        view
        returns (bytes20[] memory nodes, uint256 next);

    /// @notice The same, only with a score of `minimum` or more.
    function getNodesByReputation(uint16 minimum, uint256 cursor, uint256 limit)
        external
        view
        returns (bytes20[] memory nodes, uint256 next);

    /// @notice Number of open records.
    function nodeCount() external view returns (uint256);

    /// @notice The node at a position of the list.
    function nodeAt(uint256 index) external view returns (bytes20);

    /// @notice The operator of a node, zero when there is no open record.
    function operatorOf(bytes20 node) external view returns (address);

    /// @notice Number of open records of an operator.
    function nodeCountOf(address operator) external view returns (uint256);

    /// @notice Number of the open record that this address leads to, 0 when there is none.
    function recordOf(bytes20 node) external view returns (uint256);

    /// @notice The present address of the record that this address leads to, zero when there is none.
    function currentNode(bytes20 node) external view returns (bytes20);

    /// @notice Bonded stake, what is unbonding, when that is free, and until when it is held.
    function stakeOf(bytes20 node)
        external
        view
        returns (uint256 staked, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil);

    /// @notice The numbers that scores are computed from.
    function scoreFacts(bytes20 node) external view returns (ScoreFacts memory);

    /// @notice When the node was deregistered, 0 when it was not. `node` may be any key of the record.
    function leftAt(bytes20 node) external view returns (uint64);

    /// @notice The nonce of the node's next proof.
    function nonceOf(bytes20 node) external view returns (uint256);

    /// @notice The text that a node's key signs to be operated by `operator`.
    function registrationMessage(bytes20 node, address operator) external view returns (string memory);

    /// @notice The text that both keys sign for `changeKey`.
    function keyChangeMessage(bytes20 node, bytes20 newNode, address operator)
        external
        view
        returns (string memory);

    /// @notice Weight of the node in staker rewards: stake × score while it is active and not blacklisted.
    /// @dev As of the node's last change; `refresh` brings it up to date.
    function rewardWeight(bytes20 node) external view returns (uint256);

    /// @notice Sum of all weights.
    function totalRewardWeight() external view returns (uint256);

    /// @notice The contract that hears of weights.
    function rewardSink() external view returns (address);

    /// @notice All bonded stake, and all that is unbonding.
    function totals() external view returns (uint256 staked, uint256 unbonding);
}
