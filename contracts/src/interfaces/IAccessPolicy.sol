// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IAccessPolicy
/// @notice Who may use the network: a wallet that holds a card, or to which a holder delegated.
/// @dev Tiers: THIS card opens the free tier, any other Meme the paid tier, further collections the tier that
/// they are mapped to. The best tier over the wallet's own cards and all its vaults wins. The owner (the
/// timelock) can choose THIS card once, and add and remove further collections; it cannot change the Memes
/// contract, THIS card a second time, or the two delegation registries.
interface IAccessPolicy {
    enum Tier {
        Denied,
        Paid,
        Free
    }

    enum Standard {
        Erc721,
        Erc1155
    }

    /// @notice A further collection.
    /// @param token The collection's contract.
    /// @param standard ERC-721: any token counts. ERC-1155: only `ids` count.
    /// @param tier What holding a card of it opens.
    /// @param ids The ids that count, for ERC-1155; empty for ERC-721.
    struct Collection {
        address token;
        Standard standard;
        Tier tier;
        uint256[] ids;
    }

    event ThisCardChosen(uint256 indexed tokenId);
    event CollectionAdded(address indexed token, Standard standard, Tier tier, uint256[] ids);
    event CollectionRemoved(address indexed token);
    event UseCasesChanged(uint256[] useCases);
    event RightsChanged(bytes32[] rights);
    event HighestCardNoted(uint256 id);

    error AccessPolicyThisCardLocked();
    error AccessPolicyInvalidCard();
    error AccessPolicyInvalidCollection();
    error AccessPolicyUnknownCollection(address token);
    error AccessPolicyTooMany(uint256 count, uint256 limit);
    error AccessPolicyInvalidUseCase(uint256 useCase);
    error AccessPolicyUnknownCard(uint256 id);

    /// @notice Whether `wallet` itself holds a card of any tier. Delegations are not looked at.
    function hasAccess(address wallet) external view returns (bool);

    /// @notice Whether `wallet` itself holds THIS card, or a card of a collection of the free tier.
    function hasFreeTier(address wallet) external view returns (bool);

    /// @notice What `wallet` is entitled to by its own cards and by those of its vaults: first 6529
    /// NFTDelegation (consolidations, then delegations), then delegate.xyz.
    /// @dev For `eth_call`. Bounded: rows, vaults and gas of each outside call are capped, and what lies beyond
    /// does not count. Anybody can push rows onto a wallet, so a holder who is spammed names the vault:
    /// `checkWithVault`.
    /// @return access The wallet may use the network.
    /// @return free The wallet is in the free tier (implies `access`).
    function checkWithDelegation(address wallet) external view returns (bool access, bool free);

    /// @notice As `checkWithDelegation`, but of all vaults only `vault` is looked at, by pair lookups that
    /// nobody but the vault itself can fill with rows.
    function checkWithVault(address wallet, address vault) external view returns (bool access, bool free);

    /// @notice Choose THIS card. Once: afterwards it is locked for good.
    function setThisCardTokenId(uint256 tokenId) external;

    /// @notice Let cards of a further collection open `tier`.
    function addCollection(address token, Standard standard, Tier tier, uint256[] calldata ids) external;

    /// @notice Cards of `token` open nothing any more.
    function removeCollection(address token) external;

    /// @notice Use cases of NFTDelegation that count besides consolidation; neither 998 nor 999.
    function setUseCases(uint256[] calldata useCases) external;

    /// @notice Rights of delegate.xyz that count besides full delegations.
    function setRights(bytes32[] calldata rights) external;

    /// @notice Tell that card `id` exists, so that reads cover it. Open to anybody: the Memes contract decides.
    /// @dev Reads always look `LOOK_AHEAD` ids further than the highest id noted.
    function noteCard(uint256 id) external;

    /// @notice The Memes by 6529.
    function memes() external view returns (address);

    /// @notice Id of THIS card; 0 while it has not been chosen.
    function thisCardTokenId() external view returns (uint256);

    /// @notice Whether THIS card has been chosen, for good.
    function thisCardLocked() external view returns (bool);

    /// @notice Highest card id noted.
    function highestCard() external view returns (uint256);

    /// @notice The further collections.
    function collections() external view returns (Collection[] memory);

    /// @notice Use cases of NFTDelegation that count.
    function acceptedUseCases() external view returns (uint256[] memory);

    /// @notice Rights of delegate.xyz that count besides full delegations.
    function acceptedRights() external view returns (bytes32[] memory);

    /// @notice Grows with every change of what a gate has to know.
    function revision() external view returns (uint64);
}
