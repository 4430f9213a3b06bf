// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {IAccessPolicy} from "../interfaces/IAccessPolicy.sol";
import {BoundedCall} from "../libraries/BoundedCall.sol";

/// @title CardReader
/// @notice Which tier the cards of one address open.
/// @dev The Memes contract is trusted, and its failure is told to the caller. A further collection that fails opens
/// nothing, and stops nobody else's access.
abstract contract CardReader is IAccessPolicy {
    /// @notice Reads cover this many ids beyond the highest card noted.
    uint256 public constant LOOK_AHEAD = 32;

    /// @dev Gas of one read of a further collection.
    uint256 private constant CARD_GAS = 200_000;

    address internal immutable _MEMES;

    uint256 internal _thisCard;
    uint256 internal _highestCard;
    Collection[] internal _collections;

    /// @dev What a vault's consent covers: one collection (or all, as the zero address), one id of it or all ids. Of
    /// an ERC-721 collection only the number of tokens is read, so consent for a single one covers nothing there.
    struct Scope {
        address token;
        bool allTokens;
        uint256 tokenId;
    }

    constructor(address memes_) {
        _MEMES = memes_;
    }

    /// @dev Tier that `owner`'s own cards open.
    function _ownTier(address owner) internal view returns (Tier) {
        return _improve(owner, Scope(address(0), true, 0), Tier.Denied);
    }

    /// @dev The better of `best` and what the cards of `owner` within `scope` open. Looks only at cards that could
    /// improve on `best`, so that most reads are cheap once a tier is found.
    function _improve(address owner, Scope memory scope, Tier best) internal view returns (Tier) {
        if (owner == address(0)) return best;
        if (_covers(scope, _MEMES)) best = _improveByMemes(owner, scope, best);
        for (uint256 i = 0; i < _collections.length && best != Tier.Free; ++i) {
            Collection storage collection = _collections[i];
            if (
                collection.tier > best && _covers(scope, collection.token) && _holds(owner, collection, scope)
            ) {
                best = collection.tier;
            }
        }
        return best;
    }

    /// @dev Ids of Memes that `owner` holds, in order.
    function _heldMemes(address owner) internal view returns (uint256[] memory held) {
        uint256 count = _highestCard + LOOK_AHEAD;
        address[] memory owners = new address[](count);
        uint256[] memory ids = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            owners[i] = owner;
            ids[i] = i + 1;
        }
        uint256[] memory balances = IERC1155(_MEMES).balanceOfBatch(owners, ids);
        uint256 found = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (balances[i] != 0) ids[found++] = i + 1;
        }
        held = new uint256[](found);
        for (uint256 i = 0; i < found; ++i) {
            held[i] = ids[i];
        }
    }

    function _improveByMemes(address owner, Scope memory scope, Tier best) private view returns (Tier) {
        uint256 thisCard = _thisCard;
        if (thisCard != 0 && (scope.allTokens || scope.tokenId == thisCard) && _hasMeme(owner, thisCard)) {
            return Tier.Free;
        }
        if (best == Tier.Paid) return best;
        bool holds = scope.allTokens ? _heldMemes(owner).length != 0 : _hasMeme(owner, scope.tokenId);
        return holds ? Tier.Paid : best;
    }

    function _hasMeme(address owner, uint256 id) private view returns (bool) {
        return IERC1155(_MEMES).balanceOf(owner, id) != 0;
    }

    function _covers(Scope memory scope, address token) private pure returns (bool) {
        return scope.token == address(0) || scope.token == token;
    }

    function _holds(address owner, Collection storage collection, Scope memory scope)
        private
        view
        returns (bool)
    {
        if (collection.standard == Standard.Erc721) {
            bytes memory count = abi.encodeCall(IERC721.balanceOf, (owner));
            return scope.allTokens && BoundedCall.readWord(collection.token, CARD_GAS, count) != 0;
        }
        uint256[] storage ids = collection.ids;
        for (uint256 i = 0; i < ids.length; ++i) {
            if (!scope.allTokens && scope.tokenId != ids[i]) continue;
            bytes memory data = abi.encodeCall(IERC1155.balanceOf, (owner, ids[i]));
            if (BoundedCall.readWord(collection.token, CARD_GAS, data) != 0) return true;
        }
        return false;
    }
}
