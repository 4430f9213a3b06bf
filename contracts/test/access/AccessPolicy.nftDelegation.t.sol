// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {AccessTest} from "./AccessTest.sol";

/// @notice Vaults found through 6529 NFTDelegation. Each case is asked both ways: by the lists, and with the vault
/// named.
contract AccessPolicyNftDelegationTest is AccessTest {
    function setUp() public override {
        super.setUp();
        memes.mint(vault, OTHER_CARD, 1);
    }

    // -------------------------------------------------------------- delegation

    function test_WithoutARowNothingCounts() public view {
        _assertDenied();
    }

    function test_ADelegationForTheMemesCounts() public {
        _register(vault, hot, address(memes), 1);
        _assertPaid();
        memes.mint(vault, THIS_CARD, 1);
        _assertFree();
    }

    function test_ADelegationForAllCollectionsCounts() public {
        _register(vault, hot, ALL, 1);
        _assertPaid();
    }

    function test_EveryAcceptedUseCaseCounts() public {
        _register(vault, hot, address(memes), 9);
        _assertPaid();
    }

    function test_NoOtherUseCaseCounts() public {
        uint256[6] memory others = [uint256(2), 8, 10, 15, 16, 998];
        for (uint256 i = 0; i < others.length; ++i) {
            _register(vault, hot, address(memes), others[i]);
            _register(vault, hot, ALL, others[i]);
        }
        _assertDenied();
        vm.prank(owner);
        policy.setUseCases(_ids(8, 10));
        _assertPaid();
    }

    function test_TheWrongDirectionIsWorthNothing() public {
        _register(hot, vault, address(memes), 1);
        _register(hot, vault, ALL, 9);
        _assertDenied();
    }

    function test_AnotherCollectionIsWorthNothing() public {
        _register(vault, hot, address(gallery), 1);
        _assertDenied();
    }

    function test_ADelegationEndsAtItsTime() public {
        _registerUntil(vault, hot, address(memes), 1, START + 10);
        skip(9);
        _assertPaid();
        skip(1);
        _assertDenied();
    }

    function test_ARevokedDelegationIsWorthNothing() public {
        _register(vault, hot, address(memes), 1);
        vm.prank(vault);
        nftDelegation.revokeDelegationAddress(address(memes), hot, 1);
        _assertDenied();
    }

    function test_ALockStopsNewRowsNotOldOnes() public {
        _register(vault, hot, address(memes), 1);
        vm.prank(hot);
        nftDelegation.setGlobalLock(true);
        _assertPaid();
        memes.mint(other, THIS_CARD, 1);
        vm.prank(other);
        vm.expectRevert();
        nftDelegation.registerDelegationAddress(address(memes), hot, LATER, 1, true, 0);
        _assertPaid();
    }

    function test_OneTokenIsOneToken() public {
        memes.mint(vault, THIS_CARD, 1);
        _registerToken(vault, hot, address(memes), 1, OTHER_CARD);
        _assertPaid();
        _registerToken(vault, hot, address(memes), 1, THIS_CARD);
        _assertFree();
    }

    function test_ATokenThatTheVaultLacksIsWorthNothing() public {
        _registerToken(vault, hot, address(memes), 1, THIS_CARD);
        _assertDenied();
    }

    function test_AVaultWithoutCardsIsWorthNothing() public {
        _register(other, hot, address(memes), 1);
        _assertBoth(hot, other, false, false);
    }

    function test_TheBestVaultWins() public {
        memes.mint(other, THIS_CARD, 1);
        _register(vault, hot, address(memes), 1);
        _register(other, hot, ALL, 9);
        _assertSearch(hot, true, true);
        // Named, each vault counts for itself.
        _assertNamed(vault, true, false);
        _assertNamed(other, true, true);
    }

    function test_AFurtherPaidVaultChangesNothing() public {
        memes.mint(other, OTHER_CARD, 1);
        _register(vault, hot, address(memes), 1);
        _register(other, hot, address(memes), 1);
        _assertSearch(hot, true, false);
    }

    function test_TheOwnCardsCountTogetherWithTheVaults() public {
        memes.mint(hot, THIS_CARD, 1);
        _register(vault, hot, address(memes), 1);
        _assertFree();
    }

    function test_TheVaultsOwnTierIsNotRaised() public {
        memes.mint(hot, THIS_CARD, 1);
        _register(vault, hot, address(memes), 1);
        _assertSearch(vault, true, false);
    }

    // ----------------------------------------------------------- consolidation

    function test_AMutualConsolidationCounts() public {
        _register(vault, hot, address(memes), CONSOLIDATION);
        _assertDenied();
        _register(hot, vault, address(memes), CONSOLIDATION);
        _assertPaid();
    }

    function test_AConsolidationMayMixAllAndOneCollection() public {
        _register(vault, hot, ALL, CONSOLIDATION);
        _register(hot, vault, address(memes), CONSOLIDATION);
        _assertPaid();
    }

    function test_OnlyTheWalletsHalfIsWorthNothing() public {
        _register(hot, vault, ALL, CONSOLIDATION);
        _assertDenied();
    }

    function test_TheVaultsHalfMustNotHaveEnded() public {
        _register(hot, vault, ALL, CONSOLIDATION);
        _registerUntil(vault, hot, ALL, CONSOLIDATION, START + 10);
        skip(9);
        _assertPaid();
        skip(1);
        _assertDenied();
    }

    function test_TheWalletsHalfMustNotHaveEnded() public {
        _register(vault, hot, ALL, CONSOLIDATION);
        for (uint256 i = 0; i < 3; ++i) {
            _registerUntil(hot, vault, address(memes), CONSOLIDATION, START + i);
        }
        _registerUntil(hot, vault, address(memes), CONSOLIDATION, START + 10);
        skip(9);
        _assertPaid();
        skip(1);
        _assertDenied();
    }

    function test_OnlySoManyRowsOfAPairAreLookedAt() public {
        _register(vault, hot, ALL, CONSOLIDATION);
        for (uint256 i = 0; i < policy.MAX_PAIR_ROWS(); ++i) {
            _registerUntil(hot, vault, address(memes), CONSOLIDATION, START);
        }
        _register(hot, vault, address(memes), CONSOLIDATION);
        _assertDenied();
    }

    function test_AConsolidationForAnotherCollectionIsWorthNothing() public {
        _register(vault, hot, address(gallery), CONSOLIDATION);
        _register(hot, vault, address(gallery), CONSOLIDATION);
        _assertDenied();
    }

    // ------------------------------------------------------ further collections

    function test_DelegationsForAFurtherCollectionCoverOnlyThat() public {
        _addGallery(IAccessPolicy.Tier.Free);
        gallery.mint(vault, 11);
        _register(vault, hot, address(gallery), 1);
        _assertFree();
        vm.prank(vault);
        gallery.transferFrom(vault, stranger, 11);
        // The vault's Meme is not covered.
        _assertDenied();
    }

    function test_OneTokenOfAGalleryIsNotLookedFor() public {
        _addGallery(IAccessPolicy.Tier.Paid);
        gallery.mint(vault, 11);
        _registerToken(vault, hot, address(gallery), 1, 11);
        _assertDenied();
        _register(vault, hot, address(gallery), 9);
        _assertPaid();
    }

    function test_OneListedIdOfAFurtherCollection() public {
        _addFurther(IAccessPolicy.Tier.Free);
        further.mint(vault, 5, 1);
        further.mint(vault, 6, 1);
        _registerToken(vault, hot, address(further), 1, 6);
        _assertDenied();
        _registerToken(vault, hot, address(further), 1, 5);
        _assertFree();
    }

    function test_AllCollectionsCoversAFurtherOne() public {
        _addGallery(IAccessPolicy.Tier.Free);
        gallery.mint(vault, 11);
        _register(vault, hot, ALL, 1);
        _assertFree();
    }

    // -------------------------------------------------------------------- spam

    function test_TheFirstRowsCountAndTheVaultCanBeNamed() public {
        // Rows beyond the number that is looked at.
        for (uint256 i = 0; i < policy.MAX_ROWS(); ++i) {
            _register(vm.addr(10_000 + i), hot, address(memes), 1);
        }
        _register(vault, hot, address(memes), 1);
        _assertSearch(hot, false, false);
        _assertNamed(vault, true, false);
    }

    function test_OnlySoManyVaultsAreLookedAt() public {
        uint256 limit = policy.MAX_CHECKS();
        for (uint256 i = 0; i < limit - 1; ++i) {
            _register(vm.addr(10_000 + i), hot, address(memes), 1);
        }
        _register(vault, hot, address(memes), 1);
        _assertSearch(hot, true, false);

        address crowded = makeAddr("crowded");
        for (uint256 i = 0; i < limit; ++i) {
            _register(vm.addr(10_000 + i), crowded, address(memes), 1);
        }
        _register(vault, crowded, address(memes), 1);
        _assertSearch(crowded, false, false);
    }

    function test_AListTooLongToReadDoesNotStopTheRest() public {
        for (uint256 i = 0; i < 400; ++i) {
            _register(vm.addr(10_000 + i), hot, address(memes), 1);
        }
        _register(vault, hot, address(memes), 1);
        _assertSearch(hot, false, false);
        // By another use case.
        _register(vault, hot, address(memes), 9);
        _assertSearch(hot, true, false);
    }

    function test_EndedRowsOfAPairDoNotHideALiveOne() public {
        for (uint256 i = 0; i < 5; ++i) {
            _registerUntil(vault, hot, address(memes), 1, START + 1);
        }
        _register(vault, hot, address(memes), 1);
        skip(1);
        _assertPaid();
    }

    function _assertNamed(address named, bool access, bool free) private view {
        (bool gotAccess, bool gotFree) = policy.checkWithVault(hot, named);
        assertEq(gotAccess, access, "access");
        assertEq(gotFree, free, "free");
    }
}
