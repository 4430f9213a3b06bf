// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ISessionManager
/// @notice Holds a user's deposit for one session, pays the node's operator what the user signed for (or what the
/// committee attested), and gives the rest back.
/// @dev Nobody has power over this contract: it has no owner, no upgrade and no own pause. The global pause of the
/// ParameterRegistry stops new money only (`open`, `topUp`, `extend`); every exit works at all times.
/// `token == address(0)` means ETH everywhere. Amounts are in the token's smallest unit, times in seconds.
///
/// A session is settled in one of two ways, fixed when it is opened:
/// - by receipts (`account` is zero): the user, or the key named as `signer`, signs EIP-712 receipts over the total
///   owed so far. A later receipt replaces the earlier; the operator can claim only what was signed.
/// - by attestation (`account` names a Sentinel account): the committee attests the total used so far.
///
/// States: `Active` → `Closed` → `Claimed` in the ordinary course, `Active | Closed` → `Disputed` → `Resolved` when a
/// party asks the committee. `Claimed` and `Resolved` are final: everything has been paid or credited.
interface ISessionManager {
    /// @notice The exact states of a session.
    enum State {
        Active,
        Closed,
        Claimed,
        Disputed,
        Resolved
    }

    /// @notice What a user agrees to when opening a session.
    /// @param node 20 bytes of the node's `sentnode1…` address; zero only with an account, for use on any node.
    /// @param account 20 bytes of the Sentinel account whose usage the committee attests; zero for receipts.
    /// @param token token of the deposit.
    /// @param signer key that signs receipts in the user's place; zero for the user itself. Must not be a contract
    /// when the session is settled by receipts.
    /// @param amount the deposit.
    /// @param duration seconds until the session closes by itself.
    struct Terms {
        bytes20 node;
        bytes20 account;
        address token;
        address signer;
        uint128 amount;
        uint32 duration;
    }

    /// @notice An EIP-2612 signature over exactly the amount deposited.
    struct Permit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice All that is known of a session.
    /// @param settleInterval shortest time between two settlements while the session runs; this and the two periods are what was governed
    /// when the session was opened, so that governance cannot change the terms of a running session.
    /// @param claimPeriod how long after its end the session can still be settled.
    /// @param disputePeriod how long the committee has for a dispute.
    /// @param epoch last epoch attested, of a session settled by attestation.
    /// @param bond ETH that the party which raised the dispute has put up.
    /// @param signed highest total known to be owed by receipt or attestation, never above `deposit`.
    /// @param claimed total paid so far, never above `signed`.
    struct Session {
        address user;
        uint48 expiresAt;
        uint40 settledAt;
        State state;
        address operator;
        uint48 closedAt;
        uint48 disputedAt;
        bytes20 node;
        uint32 settleInterval;
        uint32 claimPeriod;
        bool disputedByUser;
        bytes20 account;
        uint64 epoch;
        uint32 disputePeriod;
        address token;
        address signer;
        uint128 deposit;
        uint128 bond;
        uint128 signed;
        uint128 claimed;
    }

    /// @notice One claim of a batch: the total signed so far, with the signature.
    struct Claim {
        uint256 sessionId;
        uint256 amount;
        bytes signature;
    }

    /// @notice Usage of a session on one node, attested by the committee. Both totals count this node only.
    /// @param from total that has been paid: what `usageOf` says. An item with another start is skipped, so that a
    /// missing or late item can never pay one node's usage to another.
    /// @param amount total that is owed; the difference is paid to the operator of `node`.
    struct Usage {
        uint256 sessionId;
        bytes20 account;
        bytes20 node;
        uint256 from;
        uint256 amount;
    }

    /// @notice What a resolution adds for one node.
    /// @param amount what the operator of `node` is paid, besides all that has been paid.
    struct Share {
        bytes20 node;
        uint256 amount;
    }

    /// @notice The committee's decision of a dispute.
    /// @param shares what is still to be paid, of a session settled by attestation; empty for one settled by
    /// receipts, which is paid as signed.
    /// @param upheld whether the party that raised the dispute was right and gets its bond back.
    struct Resolution {
        uint256 sessionId;
        Share[] shares;
        bool upheld;
    }

    /// @notice Signatures of committee members, as `ICommittee.verify` takes them.
    struct Votes {
        bytes[] signatures;
        address[] signers;
        uint64 version;
    }

    /// @notice A session has been opened with a deposit paid by `payer`.
    event SessionOpened(
        uint256 indexed sessionId, address indexed user, bytes20 indexed node, address payer, Terms terms
    );
    /// @notice `amount` has been added; the deposit is now `deposit`.
    event SessionToppedUp(uint256 indexed sessionId, address indexed payer, uint256 amount, uint256 deposit);
    /// @notice The session now closes by itself at `expiresAt`.
    event SessionExtended(uint256 indexed sessionId, uint256 expiresAt);
    /// @notice The total signed for is now `signed`.
    event ReceiptPresented(uint256 indexed sessionId, uint256 signed);
    /// @notice `amount` has been paid for the session, `claimed` in total.
    event SessionSettled(
        uint256 indexed sessionId,
        bytes20 indexed node,
        address indexed operator,
        uint256 amount,
        uint256 claimed
    );
    /// @notice An item of a batch could not be settled; `reason` is the selector of the error.
    event SettlementSkipped(uint256 indexed sessionId, bytes4 reason);
    /// @notice Usage of `epoch` has been attested for the session.
    event UsageAttested(uint256 indexed sessionId, uint64 indexed epoch, bytes20 indexed account);
    /// @notice The session has ended; claims are possible until `settleableUntil`.
    event SessionClosed(uint256 indexed sessionId, address indexed by, uint256 settleableUntil);
    /// @notice Final: `claimed` was paid in all, `refunded` is credited to the user.
    event SessionClaimed(uint256 indexed sessionId, uint256 claimed, uint256 refunded);
    /// @notice `by` asks the committee, which has time until `deadline`.
    event SessionDisputed(
        uint256 indexed sessionId, address indexed by, bytes32 indexed evidence, uint256 deadline
    );
    /// @notice Final: `claimed` was paid in all, `refunded` is credited to the user, the bond to `bondTo`; if that is
    /// the splitter, to the treasury.
    event SessionResolved(
        uint256 indexed sessionId, uint256 claimed, uint256 refunded, address indexed bondTo, bool timedOut
    );
    /// @notice `settler` may (or may no more) claim in the name of `operator`.
    event SettlerUpdated(address indexed operator, address indexed settler, bool allowed);
    /// @notice The splitter could not take a payment; it is kept and can be forwarded by anyone later.
    event PaymentDeferred(
        bytes20 indexed node, address indexed operator, address indexed token, uint256 amount
    );
    /// @notice A kept payment has reached the splitter.
    event PaymentForwarded(
        bytes20 indexed node, address indexed operator, address indexed token, uint256 amount
    );
    /// @notice `amount` of `token` can now be withdrawn by `who`.
    event Credited(address indexed who, address indexed token, uint256 amount);
    /// @notice `who` has pulled `amount` of `token`, sent to `to`.
    event Withdrawn(address indexed who, address indexed token, address indexed to, uint256 amount);

    /// @notice A collaborator's address is without code.
    error SessionManagerInvalidCollaborator(address collaborator);
    /// @notice The ParameterRegistry says pause: no new money.
    error SessionManagerPaused();
    /// @notice The token is not accepted for deposits.
    error SessionManagerTokenNotAccepted(address token);
    /// @notice Less arrived than was sent.
    error SessionManagerTokenTakesFee(address token);
    /// @notice The node is not registered, not active or blacklisted.
    error SessionManagerNodeNotInStanding(bytes20 node);
    /// @notice A deposit or top-up of nothing, or a deposit above 2^128 - 1.
    error SessionManagerInvalidAmount();
    /// @notice A duration shorter than `MIN_DURATION` or longer than governed, or an extension that does not extend.
    error SessionManagerInvalidDuration();
    /// @notice The session would belong to the zero address.
    error SessionManagerInvalidUser();
    /// @notice The ETH sent is not the amount named, or ETH came with a deposit in a token.
    error SessionManagerWrongValue();
    /// @notice No session has this id.
    error SessionManagerUnknownSession();
    /// @notice The caller is not the user of the session.
    error SessionManagerNotUser();
    /// @notice The caller is neither the operator of the session nor its settler.
    error SessionManagerNotOperator();
    /// @notice The caller may not dispute this session.
    error SessionManagerNotParty();
    /// @notice The signer of receipts is a contract: name a key as `signer`.
    error SessionManagerSignerHasNoKey(address signer);
    /// @notice The node of the session has another operator now: open a new session.
    error SessionManagerOperatorChanged(address present);
    /// @notice The session is not active.
    error SessionManagerNotActive();
    /// @notice The session is not disputed.
    error SessionManagerNotDisputed();
    /// @notice The session takes no more claims in its state, or their time is over.
    error SessionManagerNotSettleable();
    /// @notice Claims are still possible: the session cannot be finalized yet.
    error SessionManagerNotFinal();
    /// @notice The session's last settlement is not long enough ago.
    error SessionManagerTooSoon();
    /// @notice The receipt's total is not above the one known.
    error SessionManagerStaleReceipt();
    /// @notice The receipt is not signed by the session's signer.
    error SessionManagerInvalidReceipt();
    /// @notice Nothing is owed that was not paid.
    error SessionManagerNothingToClaim();
    /// @notice A session settled by attestation takes no receipts.
    error SessionManagerNotByReceipt();
    /// @notice A session settled by receipts takes no attestation.
    error SessionManagerNotByAttestation();
    /// @notice The attested account or node is not the session's.
    error SessionManagerWrongUsage();
    /// @notice An attestation of this or a later epoch has been settled already.
    error SessionManagerStaleEpoch();
    /// @notice The attestation does not start at what has been paid for this node.
    error SessionManagerUsageGap();
    /// @notice Usage of an epoch that is not over.
    error SessionManagerEpochNotOver();
    /// @notice The committee's signatures are not valid, too few, or of another version.
    error SessionManagerNotAttested();
    /// @notice The decision names a node that cannot be paid, an amount of zero, more than can be owed, more than
    /// `MAX_SHARES` nodes, or any for a session settled by receipts.
    error SessionManagerInvalidResolution();
    /// @notice The ETH sent is not the bond.
    error SessionManagerWrongBond();
    /// @notice The committee's time is over.
    error SessionManagerDisputeOver();
    /// @notice The committee still has time.
    error SessionManagerDisputeOpen();
    /// @notice An empty batch, or one above `MAX_BATCH`.
    error SessionManagerInvalidBatch();
    /// @notice The receiver of a withdrawal is the zero address.
    error SessionManagerInvalidReceiver();
    /// @notice There is nothing to withdraw.
    error SessionManagerNothingToWithdraw();
    /// @notice The receiver refused the ETH.
    error SessionManagerTransferFailed();
    /// @notice Only the contract itself may call.
    error SessionManagerNotSelf();

    /// @notice Shortest time until a session closes by itself; the longest is governed (SESSION_MAX_DURATION).
    function MIN_DURATION() external view returns (uint256);
    /// @notice Whatever is governed, one session is never settled twice within this time.
    function MIN_SETTLE_INTERVAL() external view returns (uint256);
    /// @notice Most items in a batch.
    function MAX_BATCH() external view returns (uint256);
    /// @notice Most nodes in a resolution.
    function MAX_SHARES() external view returns (uint256);

    /// @notice Open a session for the caller. ETH deposits come as value, tokens by `transferFrom`.
    function open(Terms calldata terms) external payable returns (uint256 sessionId);
    /// @notice Open a session of `user`, paid by the caller. All refunds are the user's.
    function openFor(address user, Terms calldata terms) external payable returns (uint256 sessionId);
    /// @notice Open a session for the caller with an EIP-2612 permit instead of an approval.
    /// @dev A permit that somebody else has already used is no obstacle: what counts is the allowance.
    function openWithPermit(Terms calldata terms, Permit calldata permit) external returns (uint256 sessionId);
    /// @notice Add `amount` to the deposit of an active session; anyone may pay. Not after the node has changed hands.
    function topUp(uint256 sessionId, uint128 amount) external payable;
    /// @notice The same with an EIP-2612 permit.
    function topUpWithPermit(uint256 sessionId, uint128 amount, Permit calldata permit) external;
    /// @notice Let an active session close by itself only `duration` seconds from now; its user only. Not after
    /// the node has changed hands.
    function extend(uint256 sessionId, uint32 duration) external;

    /// @notice Be paid what the receipt over the total `amount` adds to what was paid; operator or settler only.
    /// @dev A receipt over more than the deposit counts up to the deposit.
    function claim(uint256 sessionId, uint256 amount, bytes calldata signature) external;
    /// @notice Up to `MAX_BATCH` claims; one that cannot be settled is skipped and reported.
    function claimBatch(Claim[] calldata claims) external returns (uint256 settled);
    /// @notice Record a receipt without being paid yet; also possible while disputed. Operator or settler only.
    function present(uint256 sessionId, uint256 amount, bytes calldata signature) external;
    /// @notice Settle up to `MAX_BATCH` usages of `epoch` attested by the committee; anyone may call. Also possible
    /// while disputed, so that a dispute cannot prevent it.
    /// @dev Usages of one session on several nodes are one settlement when they follow each other in a batch. A node
    /// may be named by any key of its record.
    function settleUsage(Usage[] calldata usages, uint64 epoch, Votes calldata votes)
        external
        returns (uint256 settled);
    /// @notice Claim with the last receipt and end the session at once, without waiting; operator or settler only.
    /// @dev With `amount` equal to what is already known, `signature` is not looked at.
    function complete(uint256 sessionId, uint256 amount, bytes calldata signature) external;

    /// @notice End the session: its user at any time, anyone after its expiry. Claims stay possible for
    /// the session's claim period from the end.
    function close(uint256 sessionId) external;
    /// @notice After the claim period: pay what was signed, credit the rest to the user. Anyone may call.
    function finalize(uint256 sessionId) external;

    /// @notice Ask the committee: the user, or the operator of an attested session. The value is the governed bond
    /// (DISPUTE_BOND), lost to the other party when the committee does not uphold the dispute.
    function dispute(uint256 sessionId, bytes32 evidence) external payable;
    /// @notice The same for a session on any node: by the operator of a node that has been paid for usage in it.
    function disputeAsNode(uint256 sessionId, bytes20 node, bytes32 evidence) external payable;
    /// @notice Carry out the committee's decision; anyone may call. The bond that a user lost in a session on any
    /// node goes to the operator of the first share; without shares, to the treasury.
    /// @dev With receipts the total is what was signed, else what was paid and the shares, never above the deposit.
    function resolve(Resolution calldata resolution, Votes calldata votes) external;
    /// @notice End a dispute that the committee left open: what was signed or attested is final, the bond goes back.
    function resolveTimedOut(uint256 sessionId) external;

    /// @notice Let `settler` claim in the caller's name (or no more); money goes to the operator all the same.
    function setSettler(address settler, bool allowed) external;
    /// @notice Send all that the caller is owed in `token` to the caller.
    function withdraw(address token) external;
    /// @notice Send all that the caller is owed in `token` to `to`.
    function withdrawTo(address token, address to) external;
    /// @notice Hand a kept payment to the splitter; anyone may call.
    function forwardDeferred(bytes20 node, address operator, address token) external;

    /// @notice The session with this id.
    function session(uint256 sessionId) external view returns (Session memory);
    /// @notice Ids run from 1 to this number.
    function sessionCount() external view returns (uint256);
    /// @notice What has been paid in this session for usage on `node`: the start of the next attestation.
    function usageOf(uint256 sessionId, bytes20 node) external view returns (uint256);
    /// @notice Until when the session can be settled; nothing can be claimed at or after this time.
    function settleableUntil(uint256 sessionId) external view returns (uint256);
    /// @notice What `who` can withdraw in `token`.
    function credit(address who, address token) external view returns (uint256);
    /// @notice What waits to be forwarded.
    function deferred(bytes20 node, address operator, address token) external view returns (uint256);
    /// @notice All that this contract owes in `token`: deposits, credits, bonds and kept payments.
    function liabilities(address token) external view returns (uint256);
    /// @notice Whether `settler` may claim in the name of `operator`.
    function isSettler(address operator, address settler) external view returns (bool);
    /// @notice The EIP-712 digest that the session's signer signs for the total `amount`.
    function receiptDigest(uint256 sessionId, uint256 amount) external view returns (bytes32);
    /// @notice The EIP-712 struct hash that the committee signs in its own domain for a batch of usages;
    /// `version` is the committee's.
    function usageHash(Usage[] calldata usages, uint64 epoch, uint64 version) external view returns (bytes32);
    /// @notice The EIP-712 struct hash that the committee signs in its own domain for a decision.
    function resolutionHash(Resolution calldata resolution, uint64 version) external view returns (bytes32);
}
