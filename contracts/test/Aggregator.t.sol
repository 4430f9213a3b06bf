// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Aggregator} from "../src/test/Aggregator.sol";
import {BaseTest} from "./utils/BaseTest.sol";

/// @notice Answers, refuses, and burns its gas.
contract Target {
    error Refused(uint256 code);

    function answer(uint256 value) external pure returns (uint256) {
        return value + 1;
    }

    function refuse(uint256 code) external pure {
        revert Refused(code);
    }

    function burn() external pure {
        while (true) {}
    }
}

contract AggregatorTest is BaseTest {
    Aggregator private aggregator = new Aggregator();
    Target private target = new Target();

    function _call(bytes memory data, bool allowFailure) private view returns (Aggregator.Call3 memory) {
        return Aggregator.Call3(address(target), allowFailure, data);
    }

    function test_results_come_in_order(uint128 a, uint128 b) public {
        Aggregator.Call3[] memory calls = new Aggregator.Call3[](2);
        calls[0] = _call(abi.encodeCall(Target.answer, (a)), false);
        calls[1] = _call(abi.encodeCall(Target.answer, (b)), false);
        Aggregator.Result[] memory results = aggregator.aggregate3(calls);
        assertEq(results.length, 2, "length");
        assertEq(results[0].returnData, abi.encode(uint256(a) + 1), "first");
        assertEq(results[1].returnData, abi.encode(uint256(b) + 1), "second");
    }

    function test_an_allowed_failure_tells_its_reason_and_spoils_nothing() public {
        Aggregator.Call3[] memory calls = new Aggregator.Call3[](2);
        calls[0] = _call(abi.encodeCall(Target.refuse, (42)), true);
        calls[1] = _call(abi.encodeCall(Target.answer, (1)), false);
        Aggregator.Result[] memory results = aggregator.aggregate3(calls);
        assertFalse(results[0].success, "refused");
        assertEq(results[0].returnData, abi.encodeWithSelector(Target.Refused.selector, 42), "reason");
        assertTrue(results[1].success, "the next one");
    }

    function test_a_failure_that_is_not_allowed_fails_the_whole() public {
        Aggregator.Call3[] memory calls = new Aggregator.Call3[](1);
        calls[0] = _call(abi.encodeCall(Target.refuse, (1)), false);
        vm.expectRevert("Multicall3: call failed");
        aggregator.aggregate3(calls);
    }

    /// @notice A call takes at most 63/64 of the gas: one burner inside an inner aggregate leaves the outer one
    /// enough to return what it already has. The reader bundles what strangers can bloat that way.
    function test_gas_burners_in_an_inner_aggregate_leave_the_outer_answers() public {
        Aggregator.Call3[] memory inner = new Aggregator.Call3[](4);
        for (uint256 i = 0; i < inner.length; ++i) {
            inner[i] = _call(abi.encodeCall(Target.burn, ()), true);
        }
        Aggregator.Call3[] memory calls = new Aggregator.Call3[](2);
        calls[0] = _call(abi.encodeCall(Target.answer, (7)), false);
        calls[1] = Aggregator.Call3(address(aggregator), true, abi.encodeCall(Aggregator.aggregate3, (inner)));
        Aggregator.Result[] memory results = aggregator.aggregate3{gas: 20_000_000}(calls);
        assertEq(results[0].returnData, abi.encode(uint256(8)), "answer before the burners");
        assertFalse(results[1].success, "bundle of burners");
    }

    function test_block_facts() public {
        vm.roll(1000);
        vm.warp(1_800_000_000);
        vm.chainId(5);
        assertEq(aggregator.getBlockNumber(), 1000, "number");
        assertEq(aggregator.getCurrentBlockTimestamp(), 1_800_000_000, "time");
        assertEq(aggregator.getChainId(), 5, "chain");
        assertEq(aggregator.getLastBlockHash(), blockhash(999), "parent");
        assertEq(aggregator.getBlockHash(999), blockhash(999), "hash of the parent");
        assertEq(aggregator.getEthBalance(address(this)), address(this).balance, "balance");
    }

    function test_the_first_block_has_no_parent() public {
        vm.roll(0);
        assertEq(aggregator.getLastBlockHash(), bytes32(0), "parent");
    }
}
