// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {TestGallery} from "../../src/test/TestGallery.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {DelegateRegistry} from "../../src/test/delegation/DelegateRegistry.sol";
import {NFTDelegation} from "../../src/test/delegation/NFTDelegation.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @notice Cards, both delegation registries, and a policy over them.
abstract contract AccessTest is BaseTest {
    address internal constant ALL = 0x8888888888888888888888888888888888888888;
    uint256 internal constant CONSOLIDATION = 999;
    uint256 internal constant THIS_CARD = 7;
    uint256 internal constant OTHER_CARD = 3;
    uint256 internal constant HIGHEST = 21;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant LATER = START + 30 days;

    address internal owner = makeAddr("timelock");
    address internal hot = makeAddr("hot");
    address internal vault = makeAddr("vault");
    address internal other = makeAddr("other");
    address internal stranger = makeAddr("stranger");

    TestMemes internal memes;
    TestGallery internal gallery;
    TestMemes internal further;
    NFTDelegation internal nftDelegation;
    DelegateRegistry internal delegateXyz;
    AccessPolicy internal policy;

    function setUp() public virtual {
        vm.warp(START);
        memes = new TestMemes();
        memes.mintRange(makeAddr("minter"), 1, HIGHEST);
        gallery = new TestGallery();
        further = new TestMemes();
        nftDelegation = new NFTDelegation();
        delegateXyz = new DelegateRegistry();
        policy =
            new AccessPolicy(owner, address(memes), address(nftDelegation), address(delegateXyz), HIGHEST);
        vm.prank(owner);
        policy.setThisCardTokenId(THIS_CARD);
    }

    function _ids(uint256 a, uint256 b) internal pure returns (uint256[] memory ids) {
        ids = new uint256[](2);
        (ids[0], ids[1]) = (a, b);
    }

    function _addGallery(IAccessPolicy.Tier tier) internal {
        vm.prank(owner);
        policy.addCollection(address(gallery), IAccessPolicy.Standard.Erc721, tier, new uint256[](0));
    }

    function _addFurther(IAccessPolicy.Tier tier) internal {
        vm.prank(owner);
        policy.addCollection(address(further), IAccessPolicy.Standard.Erc1155, tier, _ids(5, 9));
    }

    /// @dev A row by `from` that names `to`, for all tokens of `collection`.
    function _register(address from, address to, address collection, uint256 useCase) internal {
        _registerUntil(from, to, collection, useCase, LATER);
    }

    function _registerUntil(address from, address to, address collection, uint256 useCase, uint256 expiry)
        internal
    {
        vm.prank(from);
        nftDelegation.registerDelegationAddress(collection, to, expiry, useCase, true, 0);
    }

    function _registerToken(address from, address to, address collection, uint256 useCase, uint256 id)
        internal
    {
        vm.prank(from);
        nftDelegation.registerDelegationAddress(collection, to, LATER, useCase, false, id);
    }

    /// @dev Both ways of asking for `wallet`, the second with `vault` as the hint, must answer this.
    function _assertBoth(address wallet, address hint, bool access, bool free) internal view {
        _assertSearch(wallet, access, free);
        (bool gotAccess, bool gotFree) = policy.checkWithVault(wallet, hint);
        assertEq(gotAccess, access, "access with the vault named");
        assertEq(gotFree, free, "free with the vault named");
    }

    function _assertSearch(address wallet, bool access, bool free) internal view {
        (bool gotAccess, bool gotFree) = policy.checkWithDelegation(wallet);
        assertEq(gotAccess, access, "access");
        assertEq(gotFree, free, "free");
    }

    function _assertDenied() internal view {
        _assertBoth(hot, vault, false, false);
    }

    function _assertPaid() internal view {
        _assertBoth(hot, vault, true, false);
    }

    function _assertFree() internal view {
        _assertBoth(hot, vault, true, true);
    }
}
