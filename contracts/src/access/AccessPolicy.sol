// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";

import {IAccessPolicy} from "../interfaces/IAccessPolicy.sol";
import {CardReader} from "./CardReader.sol";
import {VaultSearch} from "./VaultSearch.sol";

/// @title AccessPolicy
/// @notice Which cards open which tier. See `IAccessPolicy`.
contract AccessPolicy is VaultSearch, Ownable2Step {
    /// @notice Most further collections at a time.
    uint256 public constant MAX_COLLECTIONS = 16;
    /// @notice Most ids of one further collection.
    uint256 public constant MAX_IDS = 64;
    /// @notice Most use cases, and most rights.
    uint256 public constant MAX_KINDS = 8;
    /// @notice Highest card id that reads can be made to cover.
    uint256 public constant MAX_CARD = 4096;

    uint64 private _revision;

    /// @param owner_ The timelock.
    /// @param memes_ The Memes, an ERC-1155.
    /// @param nftDelegation_ 6529 NFTDelegation; the zero address switches it off.
    /// @param delegateXyz_ delegate.xyz v2; the zero address switches it off.
    /// @param highestCard_ Highest card id minted already.
    constructor(
        address owner_,
        address memes_,
        address nftDelegation_,
        address delegateXyz_,
        uint256 highestCard_
    ) Ownable(owner_) CardReader(memes_) VaultSearch(nftDelegation_, delegateXyz_) {
        if (memes_.code.length == 0) revert AccessPolicyInvalidCollection();
        if (highestCard_ > MAX_CARD) revert AccessPolicyTooMany(highestCard_, MAX_CARD);
        _highestCard = highestCard_;
        _useCases.push(1);
        _useCases.push(9);
    }

    // ------------------------------------------------------------------ asking

    /// @inheritdoc IAccessPolicy
    function hasAccess(address wallet) external view returns (bool) {
        return _ownTier(wallet) != Tier.Denied;
    }

    /// @inheritdoc IAccessPolicy
    function hasFreeTier(address wallet) external view returns (bool) {
        return _ownTier(wallet) == Tier.Free;
    }

    /// @inheritdoc IAccessPolicy
    function checkWithDelegation(address wallet) external view returns (bool access, bool free) {
        return _answer(_searchAll(wallet));
    }

    /// @inheritdoc IAccessPolicy
    function checkWithVault(address wallet, address vault) external view returns (bool access, bool free) {
        return _answer(_searchPair(wallet, vault));
    }

    // ---------------------------------------------------------------- governed

    /// @inheritdoc IAccessPolicy
    function setThisCardTokenId(uint256 tokenId) external onlyOwner {
        if (_thisCard != 0) revert AccessPolicyThisCardLocked();
        if (tokenId == 0) revert AccessPolicyInvalidCard();
        _thisCard = tokenId;
        ++_revision;
        emit ThisCardChosen(tokenId);
    }

    /// @inheritdoc IAccessPolicy
    function addCollection(address token, Standard standard, Tier tier, uint256[] calldata ids)
        external
        onlyOwner
    {
        if (_collections.length == MAX_COLLECTIONS) {
            revert AccessPolicyTooMany(MAX_COLLECTIONS + 1, MAX_COLLECTIONS);
        }
        if (ids.length > MAX_IDS) revert AccessPolicyTooMany(ids.length, MAX_IDS);
        bool idsFit = standard == Standard.Erc1155 ? ids.length != 0 : ids.length == 0;
        if (!idsFit || tier == Tier.Denied || token == _MEMES || token.code.length == 0 || _isListed(token)) {
            revert AccessPolicyInvalidCollection();
        }
        _collections.push(Collection(token, standard, tier, ids));
        ++_revision;
        emit CollectionAdded(token, standard, tier, ids);
    }

    /// @inheritdoc IAccessPolicy
    function removeCollection(address token) external onlyOwner {
        uint256 count = _collections.length;
        for (uint256 i = 0; i < count; ++i) {
            if (_collections[i].token != token) continue;
            _collections[i] = _collections[count - 1];
            _collections.pop();
            ++_revision;
            emit CollectionRemoved(token);
            return;
        }
        revert AccessPolicyUnknownCollection(token);
    }

    /// @inheritdoc IAccessPolicy
    function setUseCases(uint256[] calldata useCases) external onlyOwner {
        if (useCases.length > MAX_KINDS) revert AccessPolicyTooMany(useCases.length, MAX_KINDS);
        for (uint256 i = 0; i < useCases.length; ++i) {
            if (useCases[i] == 0 || useCases[i] == SUB_DELEGATION || useCases[i] == CONSOLIDATION) {
                revert AccessPolicyInvalidUseCase(useCases[i]);
            }
        }
        _useCases = useCases;
        ++_revision;
        emit UseCasesChanged(useCases);
    }

    /// @inheritdoc IAccessPolicy
    function setRights(bytes32[] calldata rights) external onlyOwner {
        if (rights.length > MAX_KINDS) revert AccessPolicyTooMany(rights.length, MAX_KINDS);
        _rights = rights;
        ++_revision;
        emit RightsChanged(rights);
    }

    // --------------------------------------------------------------- everybody

    /// @inheritdoc IAccessPolicy
    function noteCard(uint256 id) external {
        if (id > MAX_CARD) revert AccessPolicyTooMany(id, MAX_CARD);
        if (id <= _highestCard || ERC1155Supply(_MEMES).totalSupply(id) == 0) {
            revert AccessPolicyUnknownCard(id);
        }
        _highestCard = id;
        emit HighestCardNoted(id);
    }

    // ----------------------------------------------------------------- reading

    /// @inheritdoc IAccessPolicy
    function memes() external view returns (address) {
        return _MEMES;
    }

    /// @inheritdoc IAccessPolicy
    function thisCardTokenId() external view returns (uint256) {
        return _thisCard;
    }

    /// @inheritdoc IAccessPolicy
    function thisCardLocked() external view returns (bool) {
        return _thisCard != 0;
    }

    /// @inheritdoc IAccessPolicy
    function highestCard() external view returns (uint256) {
        return _highestCard;
    }

    /// @inheritdoc IAccessPolicy
    function collections() external view returns (Collection[] memory) {
        return _collections;
    }

    /// @inheritdoc IAccessPolicy
    function acceptedUseCases() external view returns (uint256[] memory) {
        return _useCases;
    }

    /// @inheritdoc IAccessPolicy
    function acceptedRights() external view returns (bytes32[] memory) {
        return _rights;
    }

    /// @inheritdoc IAccessPolicy
    function revision() external view returns (uint64) {
        return _revision;
    }

    /// @notice 6529 NFTDelegation, or the zero address.
    function nftDelegation() external view returns (address) {
        return _NFT_DELEGATION;
    }

    /// @notice delegate.xyz v2, or the zero address.
    function delegateXyz() external view returns (address) {
        return _DELEGATE_XYZ;
    }

    function _answer(Tier tier) private pure returns (bool access, bool free) {
        return (tier != Tier.Denied, tier == Tier.Free);
    }

    function _isListed(address token) private view returns (bool) {
        for (uint256 i = 0; i < _collections.length; ++i) {
            if (_collections[i].token == token) return true;
        }
        return false;
    }
}
