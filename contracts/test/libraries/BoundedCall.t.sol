// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BoundedCall} from "../../src/libraries/BoundedCall.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @notice Answers as many bytes as it is asked for.
contract Answerer {
    fallback() external {
        assembly {
            mstore(0, 7)
            return(0, calldataload(0))
        }
    }
}

contract BoundedCallTest is BaseTest {
    uint256 private constant LIMIT = 500_000;

    address private answerer = address(new Answerer());

    function read(address target, uint256 limit, bytes memory data)
        external
        view
        returns (bool ok, bytes memory answer)
    {
        return BoundedCall.read(target, limit, data);
    }

    function test_AnAnswerComesWhole() public view {
        (bool ok, bytes memory answer) = BoundedCall.read(answerer, LIMIT, abi.encode(100));
        assertTrue(ok);
        assertEq(answer.length, 100);
        assertEq(abi.decode(answer, (uint256)), 7);
        (ok, answer) = BoundedCall.read(answerer, LIMIT, abi.encode(0));
        assertTrue(ok);
        assertEq(answer.length, 0);
    }

    function test_TheMemoryAfterAnAnswerIsFree() public view {
        (, bytes memory first) = BoundedCall.read(answerer, LIMIT, abi.encode(33));
        (, bytes memory second) = BoundedCall.read(answerer, LIMIT, abi.encode(32));
        assertEq(first.length, 33);
        assertEq(second.length, 32);
        assertEq(uint8(first[31]), 7);
        assertEq(uint8(second[31]), 7);
    }

    function test_TheLongestAnswerPassesAndALongerOneFails() public view {
        (bool ok, bytes memory answer) = BoundedCall.read(answerer, LIMIT, abi.encode(64 * 1024));
        assertTrue(ok);
        assertEq(answer.length, 64 * 1024);
        (ok, answer) = BoundedCall.read(answerer, LIMIT, abi.encode(64 * 1024 + 1));
        assertFalse(ok);
        assertEq(answer.length, 0);
    }

    function test_NoCodeIsAFailure() public view {
        (bool ok,) = BoundedCall.read(address(1234), LIMIT, "");
        assertFalse(ok);
        assertEq(BoundedCall.readWord(address(1234), LIMIT, ""), 0);
    }

    function test_AWordIsExactlyOneWord() public view {
        assertEq(BoundedCall.readWord(answerer, LIMIT, abi.encode(32)), 7);
        assertEq(BoundedCall.readWord(answerer, LIMIT, abi.encode(31)), 0);
        assertEq(BoundedCall.readWord(answerer, LIMIT, abi.encode(33)), 0);
    }

    function test_RevertWhen_TheCallerCannotGrantTheLimit() public {
        vm.expectPartialRevert(BoundedCall.BoundedCallNotEnoughGas.selector);
        this.read{gas: LIMIT}(answerer, LIMIT, abi.encode(32));
        (bool ok,) = this.read{gas: LIMIT + LIMIT / 16 + 10_000}(answerer, LIMIT, abi.encode(32));
        assertTrue(ok);
    }

    /// @notice Whatever gas the question comes with: the target gets its limit, or the question is refused.
    function testFuzz_TheAnswerDoesNotDependOnTheGas(uint256 gas) public view {
        gas = bound(gas, 10_000, 3 * LIMIT);
        // Needs nearly all of the limit for its memory.
        try this.read{gas: gas}(answerer, 100_000, abi.encode(32_000)) returns (
            bool ok, bytes memory answer
        ) {
            assertTrue(ok);
            assertEq(answer.length, 32_000);
        } catch {}
    }
}
