// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TestGallery} from "../src/test/TestGallery.sol";
import {BaseTest} from "./utils/BaseTest.sol";

contract TestGalleryTest is BaseTest {
    TestGallery private gallery = new TestGallery();

    function test_mint_counts(uint8 count) public {
        for (uint256 id = 0; id < count; ++id) {
            gallery.mint(address(0xA11CE), id);
        }
        assertEq(gallery.balanceOf(address(0xA11CE)), count, "balance");
    }

    function test_only_the_owner_mints(address caller) public {
        vm.assume(caller != address(this));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        gallery.mint(caller, 1);
    }
}
