// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title INFTDelegation
/// @notice The part of 6529's NFTDelegation that is read on chain. "Delegate" is the hot wallet, "delegator" the
/// vault.
interface INFTDelegation {
    /// @notice Rows that name `delegate`, by columns. Collection and use case match exactly; ended rows included.
    function retrieveDelegatorsTokensIDsandExpiredDates(address delegate, address collection, uint256 useCase)
        external
        view
        returns (
            address[] memory delegators,
            uint256[] memory expiries,
            bool[] memory allTokens,
            uint256[] memory tokenIds
        );

    /// @notice Row `index` of the pair with hash `keccak256(delegator, collection, delegate, useCase)`, packed.
    /// Reverts beyond the last row.
    function globalDelegationHashes(bytes32 pair, uint256 index)
        external
        view
        returns (
            address delegator,
            address delegate,
            uint256 registered,
            uint256 expiry,
            bool allTokens,
            uint256 tokenId
        );
}
