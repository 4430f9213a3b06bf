// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRewardSink} from "./IRewardSink.sol";

/// @title IPaymentSplitter
/// @notice Divides every payment for a session between the node's operator, the treasury and all stakers.
/// @dev Nobody has power over this contract: it has no owner, cannot be paused and reads the shares and the
/// treasury from the ParameterRegistry at each payment. All payouts are pulled, so a receiver that refuses blocks
/// nobody but itself. `token == address(0)` means ETH everywhere. Amounts are in the token's smallest unit.
///
/// Stakers' shares are kept as one accumulator per token, in units per weight. All of it is exact: what a division
/// leaves over is carried to the next one, so the sum of all claims is the balance to the last unit.
interface IPaymentSplitter is IRewardSink {
    /// @notice A payment of `amount` has been divided; the three shares sum to `amount`.
    event PaymentSplit(
        bytes20 indexed node,
        address indexed operator,
        address indexed token,
        uint256 operatorShare,
        uint256 treasuryShare,
        uint256 stakerShare
    );
    /// @notice `payer` has given `amount` of ETH to the treasury.
    event TreasuryPaid(address indexed payer, uint256 amount);
    /// @notice `token` has taken one of the `MAX_TOKENS` places, for good.
    event TokenAdded(address indexed token);
    /// @notice `who` has pulled `amount` of `token`, sent to `to`.
    event Withdrawn(address indexed who, address indexed token, address indexed to, uint256 amount);
    /// @notice `amount` of staker rewards of `node` has been credited to `beneficiary`.
    event RewardCredited(
        bytes20 indexed node, address indexed beneficiary, address indexed token, uint256 amount
    );
    /// @notice The weight by which `node` shares in staker rewards is now `newWeight`.
    event WeightUpdated(bytes20 indexed node, uint256 oldWeight, uint256 newWeight, uint256 totalWeight);
    /// @notice From now on the rewards of `node` go to `beneficiary`.
    event BeneficiaryUpdated(bytes20 indexed node, address indexed beneficiary);

    /// @notice A collaborator's address is zero or without code.
    error PaymentSplitterInvalidCollaborator(address collaborator);
    /// @notice The operator of a payment is the zero address.
    error PaymentSplitterInvalidOperator();
    /// @notice The receiver of a withdrawal is the zero address.
    error PaymentSplitterInvalidReceiver();
    /// @notice A payment of nothing, or above 2^128 - 1.
    error PaymentSplitterInvalidAmount();
    /// @notice The ETH sent is not the amount named, or ETH came with a payment in a token.
    error PaymentSplitterWrongValue();
    /// @notice `token` is not accepted by the ParameterRegistry and never was added.
    error PaymentSplitterTokenNotAccepted(address token);
    /// @notice All `MAX_TOKENS` places are taken.
    error PaymentSplitterTooManyTokens();
    /// @notice There is nothing to withdraw.
    error PaymentSplitterNothingPending();
    /// @notice The receiver refused the ETH.
    error PaymentSplitterTransferFailed();
    /// @notice Only the NodeRegistry reports weights.
    error PaymentSplitterNotRegistry();
    /// @notice A weight above 2^128 - 1.
    error PaymentSplitterInvalidWeight();

    /// @notice Most tokens (ETH included) that can ever be shared: bounds the cost of a change of weight.
    function MAX_TOKENS() external view returns (uint256);

    /// @notice Divide `amount` of `token`, paid by the caller, for service of `node` run by `operator`.
    /// @dev Anyone may pay. A token is pulled by `transferFrom`; what arrives is divided, so a token that takes a fee
    /// is handled. The operator's share gets what rounding leaves. While no staker has
    /// weight, their share goes to the treasury.
    function split(bytes20 node, address operator, address token, uint256 amount) external payable;

    /// @notice Give the ETH sent to the treasury, to be collected with its shares.
    function payTreasury() external payable;

    /// @notice Make sure that `token` has a place, so that payments in it can never be refused later.
    /// @dev A no-op for a token that has one; otherwise the token must be accepted now.
    function addToken(address token) external;

    /// @notice Send all that the caller is owed in `token` to the caller.
    function withdraw(address token) external;

    /// @notice Send all that the caller is owed in `token` to `to`.
    function withdrawTo(address token, address to) external;

    /// @notice Send all that the treasury is owed in `token` to the present treasury; anyone may call.
    function collectTreasury(address token) external;

    /// @notice Credit the rewards of `node` in `token` to its beneficiary; anyone may call.
    /// @return credited what the beneficiary can withdraw more than before.
    function harvest(bytes20 node, address token) external returns (uint256 credited);

    /// @notice Take weight and operator of `node` from the NodeRegistry, should a report have been lost.
    function sync(bytes20 node) external;

    /// @notice What `who` can withdraw now in `token`.
    function pending(address who, address token) external view returns (uint256);

    /// @notice What the treasury can collect now in `token`, whichever address it has.
    function treasuryPending(address token) external view returns (uint256);

    /// @notice What a `harvest` would credit now.
    function rewardOf(bytes20 node, address token) external view returns (uint256);

    /// @notice Staker rewards in `token` that are not yet credited to anyone.
    function stakerPool(address token) external view returns (uint256);

    /// @notice All that this contract owes in `token`: credits and staker pool.
    function liabilities(address token) external view returns (uint256);

    /// @notice The weight by which `node` shares, and who receives it.
    function staker(bytes20 node) external view returns (uint256 weight, address beneficiary);

    /// @notice Sum of the weights of all nodes.
    function totalWeight() external view returns (uint256);

    /// @notice All tokens that have a place, ETH as the zero address.
    function tokens() external view returns (address[] memory);
}
