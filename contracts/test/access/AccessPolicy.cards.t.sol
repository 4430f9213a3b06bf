// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {BurningCollection, RevertingCollection, TalkativeCollection} from "../mocks/BrokenCollections.sol";
import {AccessTest} from "./AccessTest.sol";

/// @notice What a wallet's own cards open.
contract AccessPolicyCardsTest is AccessTest {
    function test_NoCardOpensNothing() public view {
        _assertOwn(hot, false, false);
        _assertOwn(address(0), false, false);
    }

    function test_ThisCardOpensTheFreeTier() public {
        memes.mint(hot, THIS_CARD, 1);
        _assertOwn(hot, true, true);
    }

    function test_AnyOtherCardOpensThePaidTier() public {
        for (uint256 id = 1; id <= HIGHEST; ++id) {
            address holder = vm.addr(1_000 + id);
            memes.mint(holder, id, 1);
            _assertOwn(holder, true, id == THIS_CARD);
        }
    }

    function test_ThisCardWinsWhenBothAreHeld() public {
        memes.mint(hot, OTHER_CARD, 5);
        memes.mint(hot, THIS_CARD, 1);
        _assertOwn(hot, true, true);
    }

    function test_SellingEndsIt() public {
        memes.mint(hot, THIS_CARD, 1);
        vm.prank(hot);
        memes.safeTransferFrom(hot, other, THIS_CARD, 1, "");
        _assertOwn(hot, false, false);
        _assertOwn(other, true, true);
    }

    function test_UntilThisCardIsChosenNothingIsFree() public {
        AccessPolicy fresh = new AccessPolicy(owner, address(memes), address(0), address(0), HIGHEST);
        memes.mint(hot, THIS_CARD, 1);
        assertTrue(fresh.hasAccess(hot));
        assertFalse(fresh.hasFreeTier(hot));
    }

    function test_CardsMintedLaterCount() public {
        uint256 edge = HIGHEST + policy.LOOK_AHEAD();
        memes.mint(hot, edge, 1);
        _assertOwn(hot, true, false);
        memes.mint(other, edge + 1, 1);
        _assertOwn(other, false, false);
        vm.prank(stranger);
        policy.noteCard(edge + 1);
        _assertOwn(other, true, false);
    }

    function test_AGalleryOpensItsTier() public {
        gallery.mint(hot, 12345);
        _assertOwn(hot, false, false);
        _addGallery(IAccessPolicy.Tier.Paid);
        _assertOwn(hot, true, false);
        _assertOwn(other, false, false);
    }

    function test_AGalleryCanOpenTheFreeTier() public {
        _addGallery(IAccessPolicy.Tier.Free);
        gallery.mint(hot, 1);
        memes.mint(hot, OTHER_CARD, 1);
        _assertOwn(hot, true, true);
    }

    function test_OnlyTheListedIdsOfAFurtherCollectionCount() public {
        _addFurther(IAccessPolicy.Tier.Free);
        further.mint(hot, 5, 1);
        further.mint(other, 9, 1);
        further.mint(stranger, 6, 1);
        _assertOwn(hot, true, true);
        _assertOwn(other, true, true);
        _assertOwn(stranger, false, false);
    }

    function test_ABrokenCollectionOpensNothingAndStopsNobody() public {
        address[3] memory broken = [
            address(new RevertingCollection()),
            address(new BurningCollection()),
            address(new TalkativeCollection())
        ];
        vm.startPrank(owner);
        for (uint256 i = 0; i < broken.length; ++i) {
            policy.addCollection(
                broken[i], IAccessPolicy.Standard.Erc721, IAccessPolicy.Tier.Free, new uint256[](0)
            );
        }
        vm.stopPrank();
        memes.mint(hot, OTHER_CARD, 1);
        _assertOwn(hot, true, false);
        _assertOwn(other, false, false);
    }

    function test_RevertWhen_TheMemesCannotBeAsked() public {
        vm.mockCallRevert(address(memes), abi.encodePacked(memes.balanceOfBatch.selector), "down");
        vm.expectRevert(bytes("down"));
        policy.hasAccess(hot);
    }

    function _assertOwn(address wallet, bool access, bool free) private view {
        assertEq(policy.hasAccess(wallet), access, "hasAccess");
        assertEq(policy.hasFreeTier(wallet), free, "hasFreeTier");
        _assertSearch(wallet, access, free);
    }
}
