// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IEtherLedger
/// @notice ETH that a contract owes is only ever pulled, so a receiver that refuses blocks nobody but itself.
interface IEtherLedger {
    /// @notice `amount` became withdrawable by `who`.
    event Credited(address indexed who, uint256 amount);
    /// @notice `amount` became collectable by the treasury.
    event TreasuryCredited(uint256 amount);
    /// @notice `who` has pulled `amount`, sent to `to`.
    event Withdrawn(address indexed who, address indexed to, uint256 amount);
    /// @notice `amount` has been sent to `treasury`.
    event TreasuryCollected(address indexed treasury, uint256 amount);

    /// @notice There is nothing to withdraw.
    error EtherLedgerNothingDue();
    /// @notice The receiver is the zero address.
    error EtherLedgerInvalidReceiver();
    /// @notice The receiver refused the ETH.
    error EtherLedgerTransferFailed();

    /// @notice Send all that the caller is owed to `to`. Never pausable.
    function withdraw(address to) external;

    /// @notice Send all that the treasury is owed to the treasury of the ParameterRegistry; anyone may call.
    function collectTreasury() external;

    /// @notice What `who` can withdraw now.
    function due(address who) external view returns (uint256);

    /// @notice What the treasury can collect now.
    function treasuryDue() external view returns (uint256);
}
