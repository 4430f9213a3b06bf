// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TestMemes} from "../src/test/TestMemes.sol";
import {BaseTest} from "./utils/BaseTest.sol";

contract TestMemesTest is BaseTest {
    TestMemes private memes = new TestMemes();
    address private holder = address(0xA11CE);

    function test_mint_counts_balance_and_supply(uint256 id, uint64 first, uint64 second) public {
        memes.mint(holder, id, first);
        memes.mint(address(0xB0B), id, second);
        assertEq(memes.balanceOf(holder, id), first, "balance");
        assertEq(memes.totalSupply(id), uint256(first) + second, "supply of the id");
    }

    function test_supply_of_an_id_never_minted_is_zero(uint256 id) public {
        vm.assume(id != 7);
        memes.mint(holder, 7, 1);
        assertEq(memes.totalSupply(id), 0, "supply");
    }

    function test_mintRange_mints_one_of_each() public {
        memes.mintRange(holder, 3, 4);
        assertEq(memes.totalSupply(2), 0, "before the range");
        for (uint256 id = 3; id < 7; ++id) {
            assertEq(memes.balanceOf(holder, id), 1, "in the range");
        }
        assertEq(memes.totalSupply(7), 0, "after the range");
    }

    function test_only_the_owner_mints(address caller) public {
        vm.assume(caller != address(this));
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        memes.mint(caller, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        memes.mintRange(caller, 1, 1);
    }

    function test_a_sale_moves_the_card() public {
        memes.mint(holder, 1, 1);
        vm.prank(holder);
        memes.safeTransferFrom(holder, address(0xB0B), 1, 1, "");
        assertEq(memes.balanceOf(holder, 1), 0, "seller");
        assertEq(memes.balanceOf(address(0xB0B), 1), 1, "buyer");
        assertEq(memes.totalSupply(1), 1, "supply");
    }
}
