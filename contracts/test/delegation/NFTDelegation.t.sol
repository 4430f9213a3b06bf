// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NFTDelegation} from "../../src/test/delegation/NFTDelegation.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @notice Each behaviour of the original that readers depend on, traps included.
contract NFTDelegationTest is BaseTest {
    address private constant ALL = 0x8888888888888888888888888888888888888888;
    address private constant MEMES = address(0x33FD);

    NFTDelegation private book = new NFTDelegation();
    address private hot = address(0x1107);
    address private vault = address(0xC01D);
    address private other = address(0x07E4);

    function setUp() public {
        vm.warp(1_800_000_000);
    }

    function _give(address from, address to, address collection, uint256 useCase, uint256 expiry) private {
        vm.prank(from);
        book.registerDelegationAddress(collection, to, expiry, useCase, true, 0);
    }

    function _delegators(address to, address collection, uint256 useCase)
        private
        view
        returns (address[] memory list)
    {
        (list,,,) = book.retrieveDelegatorsTokensIDsandExpiredDates(to, collection, useCase);
    }

    function test_a_row_is_told_from_both_ends() public {
        vm.prank(vault);
        book.registerDelegationAddress(MEMES, hot, 1_900_000_000, 9, false, 42);

        (address[] memory from, uint256[] memory until, bool[] memory whole, uint256[] memory token) =
            book.retrieveDelegatorsTokensIDsandExpiredDates(hot, MEMES, 9);
        assertEq(from.length, 1, "rows");
        assertEq(from[0], vault, "delegator");
        assertEq(until[0], 1_900_000_000, "expiry");
        assertFalse(whole[0], "one token only");
        assertEq(token[0], 42, "token");

        (address[] memory to,,,) = book.retrieveDelegationAddressesTokensIDsandExpiredDates(vault, MEMES, 9);
        assertEq(to[0], hot, "delegate");
        assertTrue(book.retrieveTokenStatus(vault, MEMES, hot, 9, 42), "token status");
        assertFalse(book.retrieveTokenStatus(vault, MEMES, hot, 9, 43), "other token");
    }

    /// @notice Whoever "delegates" to a whale appears among what the *delegator* gave, not among the whale's.
    function test_the_direction_matters() public {
        _give(hot, vault, MEMES, 1, type(uint256).max);
        assertEq(_delegators(hot, MEMES, 1).length, 0, "nobody delegated to the hot wallet");
        assertEq(book.retrieveDelegationAddresses(hot, MEMES, 1)[0], vault, "it is the one that gave");
    }

    function test_collection_and_use_case_match_exactly() public {
        _give(vault, hot, ALL, 1, type(uint256).max);
        assertEq(_delegators(hot, ALL, 1).length, 1, "as registered");
        assertEq(_delegators(hot, MEMES, 1).length, 0, "All is not found under a collection");
        assertEq(_delegators(hot, ALL, 9).length, 0, "use case 1 is not found under another");
    }

    function test_the_pair_rows_are_keyed_by_their_hash() public {
        _give(vault, hot, MEMES, 1, 1_900_000_000);
        bytes32 key = keccak256(abi.encodePacked(vault, MEMES, hot, uint256(1)));
        assertEq(book.retrieveGlobalHash(vault, MEMES, hot, 1), key, "key");
        (address from, address to, uint256 since, uint256 until, bool whole, uint256 token) =
            book.globalDelegationHashes(key, 0);
        assertEq(from, vault, "delegator");
        assertEq(to, hot, "delegate");
        assertEq(since, block.timestamp, "since");
        assertEq(until, 1_900_000_000, "until");
        assertTrue(whole, "all tokens");
        assertEq(token, 0, "token is dropped for all tokens");
        vm.expectRevert();
        book.globalDelegationHashes(key, 1);
    }

    /// @notice Several rows of a pair are told once each, although the pair is listed several times.
    function test_rows_of_a_pair_are_not_repeated() public {
        vm.startPrank(vault);
        book.registerDelegationAddress(MEMES, hot, 10, 1, false, 1);
        book.registerDelegationAddress(MEMES, hot, 20, 1, false, 2);
        vm.stopPrank();
        _give(other, hot, MEMES, 1, 30);
        assertEq(book.retrieveDelegators(hot, MEMES, 1).length, 3, "raw list");
        (address[] memory from, uint256[] memory until,, uint256[] memory token) =
            book.retrieveDelegatorsTokensIDsandExpiredDates(hot, MEMES, 1);
        assertEq(from.length, 3, "rows");
        assertEq(token[0] + token[1], 3, "both tokens");
        assertEq(until[2], 30, "the other's row");
    }

    function test_active_lists_pad_with_zero_addresses() public {
        _give(other, hot, MEMES, 1, block.timestamp);
        _give(vault, hot, MEMES, 1, block.timestamp + 1);
        address[] memory active = book.retrieveActiveDelegators(hot, MEMES, block.timestamp, 1);
        assertEq(active.length, 2, "length of all rows");
        assertEq(active[0], vault, "the active one moves up");
        assertEq(active[1], address(0), "padding");
        assertTrue(
            book.retrieveStatusOfActiveDelegator(address(0), MEMES, hot, block.timestamp, 1),
            "so the zero address is active"
        );
        assertFalse(
            book.retrieveStatusOfActiveDelegator(other, MEMES, hot, block.timestamp, 1),
            "expiry is strict at the exact second"
        );
    }

    function test_global_status_ignores_expiry() public {
        _give(vault, hot, MEMES, 1, block.timestamp - 1);
        assertTrue(book.retrieveGlobalStatusOfDelegation(vault, MEMES, hot, 1), "expired, and still true");
    }

    function test_revoking_removes_every_row_of_the_pair_and_no_other() public {
        _give(vault, hot, MEMES, 1, 10);
        _give(other, hot, MEMES, 1, 20);
        _give(vault, hot, MEMES, 1, 30);
        vm.prank(vault);
        book.revokeDelegationAddress(MEMES, hot, 1);
        address[] memory left = _delegators(hot, MEMES, 1);
        assertEq(left.length, 1, "rows left");
        assertEq(left[0], other, "whose");
        assertEq(book.retrieveDelegationAddresses(vault, MEMES, 1).length, 0, "what the vault gave");
        assertFalse(book.retrieveGlobalStatusOfDelegation(vault, MEMES, hot, 1), "pair");
    }

    function test_updating_moves_the_delegation() public {
        _give(vault, hot, MEMES, 1, 10);
        vm.prank(vault);
        book.updateDelegationAddress(MEMES, hot, other, 20, 1, true, 0);
        assertEq(_delegators(hot, MEMES, 1).length, 0, "old delegate");
        assertEq(_delegators(other, MEMES, 1)[0], vault, "new delegate");
    }

    function test_locks_refuse_new_rows_and_leave_the_old() public {
        _give(vault, hot, MEMES, 1, type(uint256).max);
        vm.prank(hot);
        book.setGlobalLock(true);
        vm.prank(other);
        vm.expectRevert();
        book.registerDelegationAddress(MEMES, hot, type(uint256).max, 1, true, 0);
        assertEq(_delegators(hot, MEMES, 1)[0], vault, "the row from before the lock");
    }

    function test_each_kind_of_lock() public {
        vm.startPrank(hot);
        book.setCollectionLock(MEMES, true);
        book.setCollectionUsecaseLock(other, 9, true);
        vm.stopPrank();
        assertTrue(book.retrieveCollectionLockStatus(MEMES, hot), "collection");
        assertTrue(book.retrieveCollectionUseCaseLockStatusOneCall(other, hot, 9), "use case");

        vm.startPrank(vault);
        vm.expectRevert();
        book.registerDelegationAddress(MEMES, hot, 1, 9, true, 0);
        vm.expectRevert();
        book.registerDelegationAddress(other, hot, 1, 9, true, 0);
        book.registerDelegationAddress(other, hot, 1, 1, true, 0);
        vm.stopPrank();

        // Use case 1 locks the collection, and the collection All locks everything.
        vm.startPrank(hot);
        book.setCollectionUsecaseLock(ALL, 1, true);
        vm.stopPrank();
        assertTrue(book.globalLock(hot), "global");
    }

    function test_use_cases_are_bounded(uint256 useCase) public {
        vm.startPrank(vault);
        if (useCase == 0 || useCase > 999) vm.expectRevert();
        book.registerDelegationAddress(MEMES, hot, 1, useCase, true, 0);
        vm.expectRevert();
        book.registerDelegationAddress(MEMES, hot, 1, 1000, true, 0);
        book.updateUseCaseCounter();
        book.registerDelegationAddress(MEMES, hot, 1, 1000, true, 0);
    }

    function test_consolidation_needs_both_and_mixes_collection_with_all() public {
        _give(hot, vault, MEMES, 999, 1);
        assertFalse(book.checkConsolidationStatus(hot, vault, MEMES), "one-sided");
        _give(vault, hot, ALL, 999, 1);
        assertTrue(book.checkConsolidationStatus(hot, vault, MEMES), "both, although expired");
        assertTrue(book.checkConsolidationStatus(vault, hot, MEMES), "symmetric");
        assertFalse(book.checkConsolidationStatus(hot, vault, other), "other collection");
    }

    function test_a_sub_delegate_acts_for_the_delegator() public {
        vm.prank(other);
        vm.expectRevert();
        book.registerDelegationAddressUsingSubDelegation(vault, MEMES, hot, 1, 1, true, 0);
        _give(vault, other, ALL, 998, 1);
        vm.startPrank(other);
        book.registerDelegationAddressUsingSubDelegation(vault, MEMES, hot, 1, 1, true, 0);
        assertEq(_delegators(hot, MEMES, 1)[0], vault, "registered in the vault's name");
        book.revokeDelegationAddressUsingSubdelegation(vault, MEMES, hot, 1);
        assertEq(_delegators(hot, MEMES, 1).length, 0, "revoked in the vault's name");
    }

    function test_the_most_recent_one_is_the_last_registered() public {
        _give(vault, hot, MEMES, 1, 1);
        _give(other, hot, MEMES, 1, 1);
        assertEq(book.retrieveMostRecentDelegator(hot, MEMES, 1), other, "same second, later row");
        assertEq(book.retrieveMostRecentDelegation(vault, MEMES, 1), hot, "delegate");
        assertEq(book.retrieveMostRecentDelegator(vault, MEMES, 1), address(0), "nobody");
    }

    /// @notice The counter needs no constructor, so the code works wherever it is placed.
    function test_placed_code_works() public {
        address place = 0x2202CB9c00487e7e8EF21e6d8E914B32e709f43d;
        vm.etch(place, address(book).code);
        vm.prank(vault);
        NFTDelegation(place).registerDelegationAddress(MEMES, hot, 1, 999, true, 0);
        assertEq(NFTDelegation(place).retrieveDelegators(hot, MEMES, 999)[0], vault, "row");
    }

    function test_events() public {
        vm.expectEmit(true, true, true, true, address(book));
        emit NFTDelegation.RegisterDelegation(vault, MEMES, hot, 1, true, 0);
        _give(vault, hot, MEMES, 1, 1);
        vm.expectEmit(true, true, true, true, address(book));
        emit NFTDelegation.RevokeDelegation(vault, MEMES, hot, 1);
        vm.prank(vault);
        book.revokeDelegationAddress(MEMES, hot, 1);
    }
}
