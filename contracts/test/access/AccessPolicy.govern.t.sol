// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {TestGallery} from "../../src/test/TestGallery.sol";
import {AccessTest} from "./AccessTest.sol";

/// @notice What governance can change, and what it cannot.
contract AccessPolicyGovernTest is AccessTest {
    IAccessPolicy.Standard private constant E721 = IAccessPolicy.Standard.Erc721;
    IAccessPolicy.Standard private constant E1155 = IAccessPolicy.Standard.Erc1155;
    IAccessPolicy.Tier private constant PAID = IAccessPolicy.Tier.Paid;

    AccessPolicy private fresh;

    function setUp() public override {
        super.setUp();
        fresh = new AccessPolicy(owner, address(memes), address(0), address(0), 0);
    }

    function test_ItBeginsAsGiven() public view {
        assertEq(policy.owner(), owner);
        assertEq(policy.memes(), address(memes));
        assertEq(policy.nftDelegation(), address(nftDelegation));
        assertEq(policy.delegateXyz(), address(delegateXyz));
        assertEq(policy.highestCard(), HIGHEST);
        assertEq(policy.collections().length, 0);
        uint256[] memory useCases = policy.acceptedUseCases();
        assertEq(useCases.length, 2);
        assertEq(useCases[0], 1);
        assertEq(useCases[1], 9);
        assertEq(policy.acceptedRights().length, 0);
    }

    function test_RevertWhen_TheMemesHaveNoCode() public {
        vm.expectRevert(IAccessPolicy.AccessPolicyInvalidCollection.selector);
        new AccessPolicy(owner, stranger, address(0), address(0), 0);
    }

    function test_RevertWhen_TheFirstHighestCardIsTooHigh() public {
        uint256 limit = fresh.MAX_CARD();
        vm.expectRevert(abi.encodeWithSelector(IAccessPolicy.AccessPolicyTooMany.selector, limit + 1, limit));
        new AccessPolicy(owner, address(memes), address(0), address(0), limit + 1);
        assertEq(new AccessPolicy(owner, address(memes), address(0), address(0), limit).highestCard(), limit);
    }

    // --------------------------------------------------------------- this card

    function test_ThisCardIsChosenOnce() public {
        assertFalse(fresh.thisCardLocked());
        assertEq(fresh.thisCardTokenId(), 0);
        vm.expectEmit(address(fresh));
        emit IAccessPolicy.ThisCardChosen(42);
        vm.prank(owner);
        fresh.setThisCardTokenId(42);
        assertTrue(fresh.thisCardLocked());
        assertEq(fresh.thisCardTokenId(), 42);

        vm.expectRevert(IAccessPolicy.AccessPolicyThisCardLocked.selector);
        vm.prank(owner);
        fresh.setThisCardTokenId(43);
        vm.expectRevert(IAccessPolicy.AccessPolicyThisCardLocked.selector);
        vm.prank(owner);
        fresh.setThisCardTokenId(42);
    }

    function test_RevertWhen_ThisCardIsZero() public {
        vm.expectRevert(IAccessPolicy.AccessPolicyInvalidCard.selector);
        vm.prank(owner);
        fresh.setThisCardTokenId(0);
    }

    function test_RevertWhen_ThisCardIsChosenByAnybodyElse() public {
        _expectNotOwner();
        fresh.setThisCardTokenId(42);
    }

    // ------------------------------------------------------------- collections

    function test_CollectionsComeAndGo() public {
        vm.startPrank(owner);
        vm.expectEmit(address(policy));
        emit IAccessPolicy.CollectionAdded(address(further), E1155, PAID, _ids(5, 9));
        policy.addCollection(address(further), E1155, PAID, _ids(5, 9));
        policy.addCollection(address(gallery), E721, IAccessPolicy.Tier.Free, new uint256[](0));
        vm.stopPrank();

        IAccessPolicy.Collection[] memory list = policy.collections();
        assertEq(list.length, 2);
        assertEq(list[0].token, address(further));
        assertEq(list[0].ids.length, 2);
        assertEq(list[0].ids[1], 9);
        assertTrue(list[1].tier == IAccessPolicy.Tier.Free);
        assertTrue(list[1].standard == E721);

        vm.expectEmit(address(policy));
        emit IAccessPolicy.CollectionRemoved(address(further));
        vm.prank(owner);
        policy.removeCollection(address(further));
        list = policy.collections();
        assertEq(list.length, 1);
        assertEq(list[0].token, address(gallery));
        further.mint(hot, 5, 1);
        assertFalse(policy.hasAccess(hot));

        // It can come back, with other ids.
        vm.prank(owner);
        policy.addCollection(address(further), E1155, PAID, _ids(6, 7));
        assertFalse(policy.hasAccess(hot));
        assertEq(policy.collections()[1].ids[0], 6);
    }

    function test_RevertWhen_TheCollectionMakesNoSense() public {
        vm.startPrank(owner);
        _refuseCollection(address(memes), E1155, PAID, _ids(1, 2));
        _refuseCollection(stranger, E721, PAID, new uint256[](0));
        _refuseCollection(address(gallery), E721, IAccessPolicy.Tier.Denied, new uint256[](0));
        _refuseCollection(address(gallery), E721, PAID, _ids(1, 2));
        _refuseCollection(address(further), E1155, PAID, new uint256[](0));
        policy.addCollection(address(gallery), E721, PAID, new uint256[](0));
        _refuseCollection(address(gallery), E721, PAID, new uint256[](0));
        vm.stopPrank();
    }

    function test_RevertWhen_ThereAreTooManyCollections() public {
        uint256 limit = policy.MAX_COLLECTIONS();
        for (uint256 i = 0; i < limit; ++i) {
            address token = address(new TestGallery());
            vm.prank(owner);
            policy.addCollection(token, E721, PAID, new uint256[](0));
        }
        vm.expectRevert(abi.encodeWithSelector(IAccessPolicy.AccessPolicyTooMany.selector, limit + 1, limit));
        vm.prank(owner);
        policy.addCollection(address(gallery), E721, PAID, new uint256[](0));
    }

    function test_RevertWhen_ThereAreTooManyIds() public {
        uint256 limit = policy.MAX_IDS();
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAccessPolicy.AccessPolicyTooMany.selector, limit + 1, limit));
        policy.addCollection(address(further), E1155, PAID, new uint256[](limit + 1));
        policy.addCollection(address(further), E1155, PAID, new uint256[](limit));
        vm.stopPrank();
    }

    function test_RevertWhen_TheCollectionToRemoveIsUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessPolicy.AccessPolicyUnknownCollection.selector, address(gallery))
        );
        vm.prank(owner);
        policy.removeCollection(address(gallery));
    }

    function test_RevertWhen_CollectionsAreChangedByAnybodyElse() public {
        _expectNotOwner();
        policy.addCollection(address(gallery), E721, PAID, new uint256[](0));
        _expectNotOwner();
        policy.removeCollection(address(gallery));
    }

    // ------------------------------------------------------ use cases, rights

    function test_UseCasesAndRightsChange() public {
        vm.startPrank(owner);
        vm.expectEmit(address(policy));
        emit IAccessPolicy.UseCasesChanged(_ids(2, 3));
        policy.setUseCases(_ids(2, 3));
        bytes32[] memory rights = new bytes32[](1);
        rights[0] = "vpn";
        vm.expectEmit(address(policy));
        emit IAccessPolicy.RightsChanged(rights);
        policy.setRights(rights);
        vm.stopPrank();
        assertEq(policy.acceptedUseCases()[1], 3);
        assertEq(policy.acceptedRights()[0], bytes32("vpn"));
    }

    function test_RevertWhen_AUseCaseMeansSomethingElse() public {
        uint256[3] memory wrong = [uint256(0), 998, 999];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessPolicy.AccessPolicyInvalidUseCase.selector, wrong[i])
            );
            vm.prank(owner);
            policy.setUseCases(_ids(1, wrong[i]));
        }
    }

    function test_RevertWhen_ThereAreTooManyUseCasesOrRights() public {
        uint256 limit = policy.MAX_KINDS();
        bytes memory refusal =
            abi.encodeWithSelector(IAccessPolicy.AccessPolicyTooMany.selector, limit + 1, limit);
        vm.startPrank(owner);
        vm.expectRevert(refusal);
        policy.setUseCases(new uint256[](limit + 1));
        vm.expectRevert(refusal);
        policy.setRights(new bytes32[](limit + 1));
        policy.setRights(new bytes32[](limit));
        vm.stopPrank();
    }

    function test_RevertWhen_UseCasesOrRightsAreSetByAnybodyElse() public {
        _expectNotOwner();
        policy.setUseCases(_ids(1, 9));
        _expectNotOwner();
        policy.setRights(new bytes32[](0));
    }

    // ------------------------------------------------------------------- cards

    function test_AnybodyNotesACardThatExists() public {
        memes.mint(other, HIGHEST + 100, 1);
        vm.expectEmit(address(policy));
        emit IAccessPolicy.HighestCardNoted(HIGHEST + 100);
        vm.prank(stranger);
        policy.noteCard(HIGHEST + 100);
        assertEq(policy.highestCard(), HIGHEST + 100);
    }

    function test_RevertWhen_TheCardDoesNotExistOrIsKnown() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessPolicy.AccessPolicyUnknownCard.selector, HIGHEST + 1));
        policy.noteCard(HIGHEST + 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessPolicy.AccessPolicyUnknownCard.selector, HIGHEST));
        policy.noteCard(HIGHEST);
        uint256 limit = policy.MAX_CARD();
        memes.mint(other, limit + 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessPolicy.AccessPolicyTooMany.selector, limit + 1, limit));
        policy.noteCard(limit + 1);
    }

    // --------------------------------------------------------------- ownership

    function test_OwnershipMovesInTwoSteps() public {
        vm.prank(owner);
        policy.transferOwnership(other);
        assertEq(policy.owner(), owner);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        vm.prank(stranger);
        policy.acceptOwnership();
        vm.prank(other);
        policy.acceptOwnership();
        assertEq(policy.owner(), other);
    }

    function test_EveryGovernedChangeGrowsTheRevision() public {
        uint64 revision = fresh.revision();
        vm.startPrank(owner);
        fresh.setThisCardTokenId(1);
        fresh.addCollection(address(gallery), E721, PAID, new uint256[](0));
        fresh.removeCollection(address(gallery));
        fresh.setUseCases(_ids(1, 2));
        fresh.setRights(new bytes32[](0));
        vm.stopPrank();
        assertEq(fresh.revision(), revision + 5);
    }

    function _expectNotOwner() private {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        vm.prank(stranger);
    }

    function _refuseCollection(
        address token,
        IAccessPolicy.Standard standard,
        IAccessPolicy.Tier tier,
        uint256[] memory ids
    ) private {
        vm.expectRevert(IAccessPolicy.AccessPolicyInvalidCollection.selector);
        policy.addCollection(token, standard, tier, ids);
    }
}
