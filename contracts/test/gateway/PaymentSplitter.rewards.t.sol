// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
import {SplitterTest} from "./SplitterTest.sol";

/// @notice The stakers' share: by weight, by time, exact, and without a loop over stakers.
contract PaymentSplitterRewardsTest is SplitterTest {
    /// @dev About 1.2 ETH at a score of 1000; a power of two, so that no fraction waits unless a test wants one.
    uint256 private constant WEIGHT = 1 << 70;

    function test_RewardsByWeight() public {
        registry.setWeight(NODE, WEIGHT);
        registry.setWeight(OTHER_NODE, 3 * WEIGHT);
        assertEq(splitter.totalWeight(), 4 * WEIGHT);
        pay(ETH, 1_000);
        assertEq(splitter.rewardOf(NODE, ETH), 25);
        assertEq(splitter.rewardOf(OTHER_NODE, ETH), 75);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.RewardCredited(OTHER_NODE, otherOperator, ETH, 75);
        vm.prank(stranger);
        assertEq(splitter.harvest(OTHER_NODE, ETH), 75);
        assertEq(splitter.pending(otherOperator, ETH), 75);
        assertEq(splitter.rewardOf(OTHER_NODE, ETH), 0);
        assertEq(splitter.stakerPool(ETH), 25);
        assertSolvent(ETH);
    }

    function test_HarvestTwiceCreditsOnce() public {
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        assertEq(splitter.harvest(NODE, ETH), 100);
        assertEq(splitter.harvest(NODE, ETH), 0);
        vm.prank(operator);
        splitter.withdraw(ETH);
        assertEq(operator.balance, 900);
    }

    function test_WeightCountsOnlyWhileItLasts() public {
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        registry.setWeight(OTHER_NODE, WEIGHT);
        pay(ETH, 1_000);
        registry.setWeight(NODE, 0);
        pay(ETH, 1_000);
        assertEq(splitter.rewardOf(NODE, ETH), 150);
        assertEq(splitter.rewardOf(OTHER_NODE, ETH), 150);
        splitter.harvest(NODE, ETH);
        splitter.harvest(OTHER_NODE, ETH);
        assertEq(splitter.stakerPool(ETH), 0);
    }

    /// @dev The exploit: a share that waited at zero weight went to the first node that got any, for a payment of
    /// 10 wei.
    function test_A7_withoutWeightTheShareIsTheTreasurys() public {
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.PaymentSplit(NODE, operator, ETH, 800, 200, 0);
        pay(ETH, 1_000);
        assertEq(splitter.stakerPool(ETH), 0);
        assertEq(splitter.treasuryPending(ETH), 200);
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 10);
        assertEq(splitter.rewardOf(NODE, ETH), 1);
        assertEq(splitter.treasuryPending(ETH), 201);
        assertSolvent(ETH);
    }

    /// @dev Of three units each of three equal nodes gets one, in whatever steps they come. A scaled unit may wait in
    /// the carry until the next payment; then nothing is missing, and nothing too much.
    function test_FractionsAreCarried() public {
        bytes20[3] memory nodes = [NODE, OTHER_NODE, bytes20("third")];
        registry.register(nodes[2], stranger);
        for (uint256 i = 0; i < 3; ++i) {
            registry.setWeight(nodes[i], 1e18);
        }
        parameters.setShares(0, 0, 10_000);
        pay(ETH, 1);
        assertEq(splitter.rewardOf(NODE, ETH), 0);
        pay(ETH, 1);
        pay(ETH, 1);
        pay(ETH, 1);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(splitter.harvest(nodes[i], ETH), 1);
            assertEq(splitter.harvest(nodes[i], ETH), 0);
        }
        assertEq(splitter.stakerPool(ETH), 1, "a third each");
        pay(ETH, 2);
        pay(ETH, 1);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(splitter.harvest(nodes[i], ETH), 1);
        }
        assertEq(splitter.stakerPool(ETH), 1);
        assertSolvent(ETH);
    }

    function test_TokensAreApart() public {
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        pay(address(dollar), 50e6);
        registry.setWeight(NODE, 2 * WEIGHT);
        assertEq(splitter.rewardOf(NODE, ETH), 100);
        assertEq(splitter.rewardOf(NODE, address(dollar)), 5e6);
    }

    // ------------------------------------------------------------------ reports of weight

    function test_OnlyTheRegistryReports() public {
        vm.expectRevert(IPaymentSplitter.PaymentSplitterNotRegistry.selector);
        splitter.onWeightChanged(NODE, 0, 1);
        vm.prank(address(registry));
        splitter.onWeightChanged(NODE, 0, 1);
        assertEq(splitter.totalWeight(), 1);
    }

    function test_ReportEmits() public {
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.BeneficiaryUpdated(NODE, operator);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.WeightUpdated(NODE, 0, WEIGHT, WEIGHT);
        registry.setWeight(NODE, WEIGHT);
        (uint256 weight, address beneficiary) = splitter.staker(NODE);
        assertEq(weight, WEIGHT);
        assertEq(beneficiary, operator);
    }

    function test_ReportOfHugeWeightReverts() public {
        uint256 limit = type(uint128).max;
        vm.startPrank(address(registry));
        vm.expectRevert(IPaymentSplitter.PaymentSplitterInvalidWeight.selector);
        splitter.onWeightChanged(NODE, 0, limit + 1);
        splitter.onWeightChanged(NODE, 0, limit);
    }

    /// @dev What the registry believes to have been the old weight does not matter.
    function test_ReportWithWrongOldWeight() public {
        vm.startPrank(address(registry));
        splitter.onWeightChanged(NODE, 77, 5);
        splitter.onWeightChanged(NODE, 0, 9);
        assertEq(splitter.totalWeight(), 9);
    }

    function test_RepeatedReportChangesNothing() public {
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        registry.setWeight(NODE, WEIGHT);
        registry.setWeight(NODE, WEIGHT);
        assertEq(splitter.totalWeight(), WEIGHT);
        assertEq(splitter.rewardOf(NODE, ETH), 100);
    }

    /// @dev A new operator earns from its start; what was earned before is the old one's.
    function test_OperatorChange() public {
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        registry.setOperator(NODE, stranger);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.RewardCredited(NODE, operator, ETH, 100);
        vm.expectEmit(address(splitter));
        emit IPaymentSplitter.BeneficiaryUpdated(NODE, stranger);
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        splitter.harvest(NODE, ETH);
        assertEq(splitter.pending(stranger, ETH), 100);
        assertEq(splitter.pending(operator, ETH), 800 + 100 + 800);
    }

    /// @dev A node that has left the registry has no operator there: its rewards stay with the last.
    function test_RewardsAfterLeaving() public {
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        registry.setOperator(NODE, address(0));
        registry.setWeight(NODE, 0);
        assertEq(splitter.harvest(NODE, ETH), 100);
        assertEq(splitter.pending(operator, ETH), 900);
    }

    /// @dev A weight without an operator cannot be, but if it is, its rewards wait for one.
    function test_RewardsWithoutOperatorWait() public {
        registry.setOperator(NODE, address(0));
        registry.setWeight(NODE, WEIGHT);
        pay(ETH, 1_000);
        assertEq(splitter.harvest(NODE, ETH), 0);
        assertEq(splitter.stakerPool(ETH), 100);
        registry.setOperator(NODE, operator);
        splitter.sync(NODE);
        assertEq(splitter.harvest(NODE, ETH), 100);
    }

    function test_SyncAfterALostReport() public {
        registry.setWeight(NODE, WEIGHT);
        registry.setWeightSilently(NODE, 0);
        pay(ETH, 1_000);
        vm.prank(stranger);
        splitter.sync(NODE);
        assertEq(splitter.totalWeight(), 0);
        pay(ETH, 1_000);
        assertEq(splitter.rewardOf(NODE, ETH), 100);
    }

    /// @dev An address given up by its node leads to the same record: it must not count twice.
    function test_SyncOfFormerAddressCountsNothing() public {
        registry.setWeight(NODE, WEIGHT);
        registry.setCurrent(NODE, OTHER_NODE);
        registry.setWeight(OTHER_NODE, WEIGHT);
        splitter.sync(NODE);
        (uint256 weight,) = splitter.staker(NODE);
        assertEq(weight, 0);
        assertEq(splitter.totalWeight(), WEIGHT);
    }

    function test_SyncOfUnknownNode() public {
        splitter.sync(bytes20("nowhere"));
        assertEq(splitter.totalWeight(), 0);
    }

    /// @dev The cost of a report with all token places taken and rewards in each, at a change of operator: what the
    /// registry's allowance of gas must cover.
    function test_WorstReportFitsItsGas() public {
        uint256 places = splitter.MAX_TOKENS();
        // A weight that leaves fractions everywhere: all slots are written for the first time.
        registry.setWeight(NODE, 7e20);
        address[] memory list = new address[](places);
        for (uint256 i = 0; i < places; ++i) {
            // The same code at many addresses: only the books matter here.
            list[i] = address(uint160(0x70c000 + i));
            vm.etch(list[i], address(dollar).code);
            parameters.setAccepted(list[i], true);
            FreeCoin(list[i]).mint(payer, 1_000);
            vm.startPrank(payer);
            FreeCoin(list[i]).approve(address(splitter), 1_000);
            splitter.split(NODE, payer, list[i], 1_000);
            vm.stopPrank();
        }
        registry.setOperator(NODE, stranger);
        vm.cool(address(splitter));
        vm.prank(address(registry));
        splitter.onWeightChanged{gas: 1_500_000}(NODE, 0, 2 * WEIGHT);
        uint256 used = vm.snapshotGasLastCall("PaymentSplitter", "onWeightChanged, worst case");
        assertLt(used, 1_250_000, "gas of a report");
        for (uint256 i = 0; i < places; ++i) {
            assertEq(splitter.pending(operator, list[i]), 99);
            assertEq(splitter.stakerPool(list[i]), 1);
        }
    }

    function testFuzz_RewardsAreExact(uint128[4] memory weights, uint128[8] memory payments) public {
        bytes20[4] memory nodes = [NODE, OTHER_NODE, bytes20("third"), bytes20("fourth")];
        registry.register(nodes[2], makeAddr("third"));
        registry.register(nodes[3], makeAddr("fourth"));
        parameters.setShares(0, 0, 10_000);
        uint256 total = 0;
        for (uint256 i = 0; i < payments.length; ++i) {
            registry.setWeight(nodes[i % 4], weights[i % 4] >> (i / 4));
            uint256 amount = bound(payments[i], 1, type(uint120).max);
            pay(address(dollar), amount);
            total += amount;
            if (i == 5) splitter.harvest(nodes[1], address(dollar));
        }
        uint256 credited = splitter.treasuryPending(address(dollar));
        for (uint256 i = 0; i < 4; ++i) {
            splitter.harvest(nodes[i], address(dollar));
            (, address beneficiary) = splitter.staker(nodes[i]);
            credited += splitter.pending(beneficiary, address(dollar));
        }
        assertEq(credited + splitter.stakerPool(address(dollar)), total);
        // Less than one unit a node can wait in fractions, and one in the carry, once there is any weight.
        if (splitter.totalWeight() != 0) {
            assertLe(splitter.stakerPool(address(dollar)), 4, "only fractions wait");
        }
        assertSolvent(address(dollar));
    }
}

interface FreeCoin {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
}
