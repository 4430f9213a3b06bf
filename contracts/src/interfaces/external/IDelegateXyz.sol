// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IDelegateXyz
/// @notice The part of delegate.xyz v2 that is read on chain. `to` is the hot wallet, `from` the vault. A check
/// with `rights == 0` asks for full delegations; one with a right is also satisfied by a full one.
interface IDelegateXyz {
    enum DelegationType {
        None,
        All,
        Contract,
        Erc721,
        Erc20,
        Erc1155
    }

    struct Delegation {
        DelegationType kind;
        address to;
        address from;
        bytes32 rights;
        address token;
        uint256 tokenId;
        uint256 amount;
    }

    function getIncomingDelegations(address to) external view returns (Delegation[] memory);

    function checkDelegateForContract(address to, address from, address token, bytes32 rights)
        external
        view
        returns (bool);

    function checkDelegateForERC1155(address to, address from, address token, uint256 id, bytes32 rights)
        external
        view
        returns (uint256);
}
