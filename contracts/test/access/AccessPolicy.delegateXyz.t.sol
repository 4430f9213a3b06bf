// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {BoundedCall} from "../../src/libraries/BoundedCall.sol";
import {RevertingCollection} from "../mocks/BrokenCollections.sol";
import {AccessTest} from "./AccessTest.sol";

/// @notice Vaults found through delegate.xyz, by the list and with the vault named.
contract AccessPolicyDelegateXyzTest is AccessTest {
    bytes32 private constant FULL = bytes32(0);
    bytes32 private constant RIGHT = "vpn";

    function setUp() public override {
        super.setUp();
        memes.mint(vault, OTHER_CARD, 1);
    }

    function test_AFullDelegationCounts() public {
        vm.prank(vault);
        delegateXyz.delegateAll(hot, FULL, true);
        _assertPaid();
        memes.mint(vault, THIS_CARD, 1);
        _assertFree();
    }

    function test_ADelegationOfTheContractCounts() public {
        vm.prank(vault);
        delegateXyz.delegateContract(hot, address(memes), FULL, true);
        _assertPaid();
    }

    function test_ADelegationOfAnotherContractIsWorthNothing() public {
        vm.startPrank(vault);
        delegateXyz.delegateContract(hot, address(gallery), FULL, true);
        delegateXyz.delegateContract(hot, address(0), FULL, true);
        vm.stopPrank();
        _assertDenied();
    }

    function test_OneCardIsOneCard() public {
        memes.mint(vault, THIS_CARD, 1);
        vm.prank(vault);
        delegateXyz.delegateERC1155(hot, address(memes), OTHER_CARD, FULL, 1);
        _assertPaid();
        vm.prank(vault);
        delegateXyz.delegateERC1155(hot, address(memes), THIS_CARD, FULL, 1);
        _assertFree();
    }

    function test_ACardThatTheVaultLacksIsWorthNothing() public {
        vm.prank(vault);
        delegateXyz.delegateERC1155(hot, address(memes), THIS_CARD, FULL, 1);
        _assertDenied();
    }

    function test_ARevokedDelegationIsWorthNothing() public {
        vm.startPrank(vault);
        delegateXyz.delegateAll(hot, FULL, true);
        delegateXyz.delegateAll(hot, FULL, false);
        delegateXyz.delegateContract(hot, address(memes), FULL, true);
        delegateXyz.delegateContract(hot, address(memes), FULL, false);
        delegateXyz.delegateERC1155(hot, address(memes), OTHER_CARD, FULL, 1);
        delegateXyz.delegateERC1155(hot, address(memes), OTHER_CARD, FULL, 0);
        vm.stopPrank();
        _assertDenied();
    }

    function test_TheWrongDirectionIsWorthNothing() public {
        vm.prank(hot);
        delegateXyz.delegateAll(vault, FULL, true);
        _assertDenied();
    }

    function test_OtherKindsAreWorthNothing() public {
        vm.startPrank(vault);
        delegateXyz.delegateERC20(hot, address(memes), FULL, 1);
        delegateXyz.delegateERC721(hot, address(memes), OTHER_CARD, FULL, true);
        vm.stopPrank();
        _assertDenied();
    }

    function test_RightsCountOnlyIfAccepted() public {
        vm.prank(vault);
        delegateXyz.delegateAll(hot, RIGHT, true);
        _assertDenied();
        bytes32[] memory rights = new bytes32[](2);
        (rights[0], rights[1]) = ("another", RIGHT);
        vm.prank(owner);
        policy.setRights(rights);
        _assertPaid();
    }

    function test_ARightForOneCardCounts() public {
        bytes32[] memory rights = new bytes32[](1);
        rights[0] = RIGHT;
        vm.prank(owner);
        policy.setRights(rights);
        vm.prank(vault);
        delegateXyz.delegateERC1155(hot, address(memes), OTHER_CARD, RIGHT, 1);
        _assertPaid();
    }

    function test_OneTokenOfAGalleryIsNotLookedFor() public {
        _addGallery(IAccessPolicy.Tier.Free);
        gallery.mint(vault, 11);
        vm.prank(vault);
        delegateXyz.delegateERC721(hot, address(gallery), 11, FULL, true);
        _assertDenied();
    }

    function test_OneIdOfAFurtherCollectionIsFoundByTheList() public {
        _addFurther(IAccessPolicy.Tier.Free);
        _addGallery(IAccessPolicy.Tier.Paid);
        further.mint(vault, 5, 1);
        gallery.mint(vault, 5);
        vm.startPrank(vault);
        // The wrong kinds for these contracts.
        delegateXyz.delegateERC721(hot, address(further), 5, FULL, true);
        delegateXyz.delegateERC1155(hot, address(gallery), 5, FULL, 1);
        _assertSearch(hot, false, false);
        delegateXyz.delegateERC1155(hot, address(further), 5, FULL, 1);
        vm.stopPrank();
        _assertSearch(hot, true, true);
    }

    function test_AFullDelegationCoversFurtherCollections() public {
        _addGallery(IAccessPolicy.Tier.Free);
        gallery.mint(vault, 11);
        vm.prank(vault);
        delegateXyz.delegateContract(hot, address(gallery), FULL, true);
        _assertFree();
    }

    function test_TheFirstRowsCountAndTheVaultCanBeNamed() public {
        for (uint256 i = 0; i < policy.MAX_ROWS(); ++i) {
            vm.prank(vm.addr(10_000 + i));
            delegateXyz.delegateAll(hot, FULL, true);
        }
        vm.prank(vault);
        delegateXyz.delegateAll(hot, FULL, true);
        _assertSearch(hot, false, false);
        (bool access,) = policy.checkWithVault(hot, vault);
        assertTrue(access);
    }

    function test_BothRegistriesCanBeSwitchedOff() public {
        AccessPolicy without = new AccessPolicy(owner, address(memes), address(0), address(0), HIGHEST);
        vm.prank(vault);
        delegateXyz.delegateAll(hot, FULL, true);
        _register(vault, hot, ALL, 1);
        (bool access,) = without.checkWithDelegation(hot);
        assertFalse(access);
        (access,) = without.checkWithVault(hot, vault);
        assertFalse(access);
        (access,) = without.checkWithDelegation(vault);
        assertTrue(access);
    }

    function test_ARegistryThatFailsOpensNothing() public {
        address broken = address(new RevertingCollection());
        AccessPolicy without = new AccessPolicy(owner, address(memes), broken, broken, HIGHEST);
        (bool access,) = without.checkWithDelegation(hot);
        assertFalse(access);
        (access,) = without.checkWithDelegation(vault);
        assertTrue(access);
    }

    function test_RevertWhen_TheQuestionComesWithTooLittleGas() public {
        vm.prank(vault);
        delegateXyz.delegateAll(hot, FULL, true);
        vm.expectPartialRevert(BoundedCall.BoundedCallNotEnoughGas.selector);
        policy.checkWithDelegation{gas: 2_500_000}(hot);
        (bool access,) = policy.checkWithDelegation{gas: 5_000_000}(hot);
        assertTrue(access);
    }

    function test_TheWalletIsNotItsOwnVault() public {
        vm.prank(hot);
        delegateXyz.delegateAll(hot, FULL, true);
        _assertBoth(hot, hot, false, false);
        _assertBoth(hot, address(0), false, false);
    }
}
