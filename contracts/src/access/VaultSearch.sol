// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegateXyz} from "../interfaces/external/IDelegateXyz.sol";
import {INFTDelegation} from "../interfaces/external/INFTDelegation.sol";
import {BoundedCall} from "../libraries/BoundedCall.sol";
import {CardReader} from "./CardReader.sol";

/// @title VaultSearch
/// @notice Which tier the cards of a wallet's vaults open: who delegated to the wallet, and within which scope.
/// @dev Direction is everything: rows must be by the vault and name the wallet. Rows the other way round are the
/// wallet's own claim and worth nothing, except as its half of a consolidation.
abstract contract VaultSearch is CardReader {
    /// @notice Rows looked at in one list of a registry.
    uint256 public constant MAX_ROWS = 64;
    /// @notice Rows of one pair of wallets looked at.
    uint256 public constant MAX_PAIR_ROWS = 16;
    /// @notice Different vaults and scopes looked at in one check.
    uint256 public constant MAX_CHECKS = 24;

    /// @dev "All collections" of NFTDelegation.
    address private constant ALL_COLLECTIONS = 0x8888888888888888888888888888888888888888;
    uint256 internal constant SUB_DELEGATION = 998;
    uint256 internal constant CONSOLIDATION = 999;

    /// @dev The lists are quadratic in the rows, which anybody can push: a list beyond this counts as empty.
    uint256 private constant LIST_GAS = 3_000_000;
    uint256 private constant PAIR_GAS = 300_000;

    address internal immutable _NFT_DELEGATION;
    address internal immutable _DELEGATE_XYZ;

    uint256[] internal _useCases;
    bytes32[] internal _rights;

    struct Search {
        address wallet;
        Tier best;
        uint256 checks;
        bytes32[] seen;
    }

    /// @dev Columns of a list of NFTDelegation.
    struct Rows {
        address[] vaults;
        uint256[] expiries;
        bool[] allTokens;
        uint256[] tokenIds;
    }

    constructor(address nftDelegation_, address delegateXyz_) {
        _NFT_DELEGATION = nftDelegation_;
        _DELEGATE_XYZ = delegateXyz_;
    }

    /// @dev The best tier over the wallet's own cards and those of all its vaults.
    function _searchAll(address wallet) internal view returns (Tier) {
        Search memory search = _start(wallet);
        for (uint256 i = 0; i <= _collections.length && search.best != Tier.Free; ++i) {
            address token = _tokenAt(i);
            _listRows(search, token, CONSOLIDATION);
            for (uint256 j = 0; j < _useCases.length; ++j) {
                _listRows(search, token, _useCases[j]);
            }
        }
        if (search.best != Tier.Free) _listIncoming(search);
        return search.best;
    }

    /// @dev The best tier over the wallet's own cards and those of `vault`, if that consented.
    function _searchPair(address wallet, address vault) internal view returns (Tier) {
        Search memory search = _start(wallet);
        for (uint256 i = 0; i <= _collections.length && search.best != Tier.Free; ++i) {
            address token = _tokenAt(i);
            if (_consolidates(wallet, vault, token)) _pairRows(search, vault, token, CONSOLIDATION);
            for (uint256 j = 0; j < _useCases.length; ++j) {
                _pairRows(search, vault, token, _useCases[j]);
            }
            _pairRights(search, vault, token, bytes32(0));
            for (uint256 j = 0; j < _rights.length; ++j) {
                _pairRights(search, vault, token, _rights[j]);
            }
        }
        return search.best;
    }

    function _start(address wallet) private view returns (Search memory) {
        return Search(wallet, _ownTier(wallet), 0, new bytes32[](MAX_CHECKS));
    }

    /// @dev The Memes, then the further collections.
    function _tokenAt(uint256 index) private view returns (address) {
        return index == 0 ? _MEMES : _collections[index - 1].token;
    }

    /// @dev `vault` consented within `scope`: does that improve the tier?
    function _consider(Search memory search, address vault, Scope memory scope) private view {
        if (search.best == Tier.Free || vault == address(0) || vault == search.wallet) return;
        bytes32 id = keccak256(abi.encode(vault, scope));
        for (uint256 i = 0; i < search.checks; ++i) {
            if (search.seen[i] == id) return;
        }
        if (search.checks == MAX_CHECKS) return;
        search.seen[search.checks++] = id;
        search.best = _improve(vault, scope, search.best);
    }

    // ------------------------------------------------------ 6529 NFTDelegation

    function _listRows(Search memory search, address token, uint256 useCase) private view {
        _listRowsOf(search, token, token, useCase);
        _listRowsOf(search, token, ALL_COLLECTIONS, useCase);
    }

    function _listRowsOf(Search memory search, address token, address collection, uint256 useCase)
        private
        view
    {
        bytes memory data = abi.encodeCall(
            INFTDelegation.retrieveDelegatorsTokensIDsandExpiredDates, (search.wallet, collection, useCase)
        );
        (bool ok, bytes memory answer) = BoundedCall.read(_NFT_DELEGATION, LIST_GAS, data);
        if (!ok) return;
        Rows memory rows;
        (rows.vaults, rows.expiries, rows.allTokens, rows.tokenIds) =
            abi.decode(answer, (address[], uint256[], bool[], uint256[]));
        uint256 count = rows.vaults.length < MAX_ROWS ? rows.vaults.length : MAX_ROWS;
        for (uint256 i = 0; i < count && search.best != Tier.Free; ++i) {
            if (rows.expiries[i] <= block.timestamp) continue;
            if (useCase == CONSOLIDATION && !_consolidates(search.wallet, rows.vaults[i], token)) continue;
            _consider(search, rows.vaults[i], Scope(token, rows.allTokens[i], rows.tokenIds[i]));
        }
    }

    function _pairRows(Search memory search, address vault, address token, uint256 useCase) private view {
        _pairRowsOf(search, vault, token, token, useCase);
        _pairRowsOf(search, vault, token, ALL_COLLECTIONS, useCase);
    }

    /// @dev Only the vault can add rows to this list.
    function _pairRowsOf(
        Search memory search,
        address vault,
        address token,
        address collection,
        uint256 useCase
    ) private view {
        bytes32 pair = _pairKey(vault, collection, search.wallet, useCase);
        for (uint256 i = 0; i < MAX_PAIR_ROWS && search.best != Tier.Free; ++i) {
            (bool exists, uint256 expiry, bool allTokens, uint256 id) = _pairRow(pair, i);
            if (!exists) return;
            if (expiry > block.timestamp) _consider(search, vault, Scope(token, allTokens, id));
        }
    }

    /// @dev The wallet's own half of a consolidation, for `token` or for all; it must not have ended either.
    function _consolidates(address wallet, address vault, address token) private view returns (bool) {
        return _hasRow(_pairKey(wallet, token, vault, CONSOLIDATION))
            || _hasRow(_pairKey(wallet, ALL_COLLECTIONS, vault, CONSOLIDATION));
    }

    function _hasRow(bytes32 pair) private view returns (bool) {
        for (uint256 i = 0; i < MAX_PAIR_ROWS; ++i) {
            (bool exists, uint256 expiry,,) = _pairRow(pair, i);
            if (!exists) return false;
            if (expiry > block.timestamp) return true;
        }
        return false;
    }

    function _pairRow(bytes32 pair, uint256 index)
        private
        view
        returns (bool exists, uint256 expiry, bool allTokens, uint256 tokenId)
    {
        bytes memory data = abi.encodeCall(INFTDelegation.globalDelegationHashes, (pair, index));
        bytes memory answer;
        (exists, answer) = BoundedCall.read(_NFT_DELEGATION, PAIR_GAS, data);
        if (!exists) return (false, 0, false, 0);
        (,,, expiry, allTokens, tokenId) =
            abi.decode(answer, (address, address, uint256, uint256, bool, uint256));
    }

    function _pairKey(address delegator, address collection, address delegate, uint256 useCase)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(delegator, collection, delegate, useCase));
    }

    // ------------------------------------------------------------ delegate.xyz

    function _listIncoming(Search memory search) private view {
        bytes memory data = abi.encodeCall(IDelegateXyz.getIncomingDelegations, (search.wallet));
        (bool ok, bytes memory answer) = BoundedCall.read(_DELEGATE_XYZ, LIST_GAS, data);
        if (!ok) return;
        IDelegateXyz.Delegation[] memory rows = abi.decode(answer, (IDelegateXyz.Delegation[]));
        uint256 count = rows.length < MAX_ROWS ? rows.length : MAX_ROWS;
        for (uint256 i = 0; i < count && search.best != Tier.Free; ++i) {
            if (_countsRight(rows[i].rights)) _considerRow(search, rows[i]);
        }
    }

    function _considerRow(Search memory search, IDelegateXyz.Delegation memory row) private view {
        if (row.kind == IDelegateXyz.DelegationType.All) {
            _consider(search, row.from, Scope(address(0), true, 0));
            return;
        }
        // The zero address would mean all collections.
        if (row.token == address(0)) return;
        if (row.kind == IDelegateXyz.DelegationType.Contract) {
            _consider(search, row.from, Scope(row.token, true, 0));
            return;
        }
        if (row.kind == IDelegateXyz.DelegationType.Erc1155 && row.amount != 0) {
            _consider(search, row.from, Scope(row.token, false, row.tokenId));
        }
    }

    function _countsRight(bytes32 right) private view returns (bool) {
        if (right == bytes32(0)) return true;
        for (uint256 i = 0; i < _rights.length; ++i) {
            if (_rights[i] == right) return true;
        }
        return false;
    }

    function _pairRights(Search memory search, address vault, address token, bytes32 right) private view {
        bytes memory data =
            abi.encodeCall(IDelegateXyz.checkDelegateForContract, (search.wallet, vault, token, right));
        if (BoundedCall.readWord(_DELEGATE_XYZ, PAIR_GAS, data) == 1) {
            _consider(search, vault, Scope(token, true, 0));
        } else if (token == _MEMES) {
            _pairCards(search, vault, right);
        }
    }

    /// @dev Delegations of single Memes, among those that the vault holds.
    function _pairCards(Search memory search, address vault, bytes32 right) private view {
        uint256[] memory held = _heldMemes(vault);
        for (uint256 i = 0; i < held.length && search.best != Tier.Free; ++i) {
            if (search.best == Tier.Paid && held[i] != _thisCard) continue;
            bytes memory data = abi.encodeCall(
                IDelegateXyz.checkDelegateForERC1155, (search.wallet, vault, _MEMES, held[i], right)
            );
            if (BoundedCall.readWord(_DELEGATE_XYZ, PAIR_GAS, data) != 0) {
                _consider(search, vault, Scope(_MEMES, false, held[i]));
            }
        }
    }
}
