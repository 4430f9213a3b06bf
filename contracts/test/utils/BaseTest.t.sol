// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BaseTest} from "./BaseTest.sol";

/// @notice The assertions themselves must be able to fail.
contract BaseTestTest is BaseTest {
    function checkEq(uint256 left, uint256 right) external pure {
        assertEq(left, right, "numbers");
    }

    function checkTrue(bool condition) external pure {
        assertTrue(condition, "truth");
    }

    function checkEqBytes(bytes memory left, bytes memory right) external pure {
        assertEq(left, right);
    }

    function test_AssertEqTellsWhatDiffers() public {
        this.checkEq(7, 7);
        vm.expectRevert(abi.encodeWithSelector(AssertionFailed.selector, "numbers", "7", "8"));
        this.checkEq(7, 8);
        this.checkEqBytes("same", "same");
        vm.expectPartialRevert(AssertionFailed.selector);
        this.checkEqBytes("one", "other");
    }

    function test_AssertTrueFailsOnFalse() public {
        this.checkTrue(true);
        vm.expectPartialRevert(AssertionFailed.selector);
        this.checkTrue(false);
    }

    function test_SignatureIsRecoverable() public {
        (address account, uint256 key) = makeAddrAndKey("signer");
        bytes memory signed = signature(key, keccak256("digest"));
        assertEq(signed.length, 65);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256("digest"));
        assertEq(ecrecover(keccak256("digest"), v, r, s), account);
        assertEq(signed, abi.encodePacked(r, s, v));
    }

    function test_SkipMovesTheClock() public {
        uint256 start = vm.getBlockTimestamp();
        skip(1 days);
        skip(1 days);
        assertEq(vm.getBlockTimestamp(), start + 2 days);
    }

    function testFuzz_BoundStaysInside(uint256 value, uint256 a, uint256 b) public pure {
        (uint256 low, uint256 high) = a < b ? (a, b) : (b, a);
        uint256 result = bound(value, low, high);
        assertTrue(result >= low && result <= high);
        if (value >= low && value <= high) assertEq(result, value);
    }
}
