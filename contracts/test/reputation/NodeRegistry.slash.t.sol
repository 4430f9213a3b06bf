// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice slash, slashAndReward and hold.
contract NodeRegistrySlashTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        setScore(node1, 500);
    }

    function test_slash() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(node1.node, "TEST", 0.5 ether, 0, address(0), 0);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 1.5 ether, 500, false, uint64(START));
        assertEq(slashNode(node1.node, 2_500), 0.5 ether);

        assertStanding(node1.node, true, true, 1.5 ether, 500);
        assertEq(registry.treasuryDue(), 0.5 ether);
        assertEq(registry.scoreFacts(node1.node).offences, 1);
        assertEq(registry.rewardWeight(node1.node), 750 ether);
        assertSolvent();
    }

    function test_slashTakesOfBothParts() public {
        vm.prank(alice);
        registry.requestWithdrawal(node1.node, 1.5 ether);
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(node1.node, "TEST", 0.05 ether, 0.15 ether, address(0), 0);
        assertEq(slashNode(node1.node, 1_000), 0.2 ether);
        assertStanding(node1.node, true, false, 0.45 ether, 500);
        assertSolvent();
    }

    function test_slashNeverTakesMoreThanThereIs(uint256 stake, uint256 part, uint256 bps, uint256 times)
        public
    {
        stake = bound(stake, MIN_STAKE, 100 ether);
        part = bound(part, 0, stake - MIN_STAKE);
        bps = bound(bps, 0, 10_000);
        times = bound(times, 1, 5);
        register(node2, bob, stake);
        if (part != 0) {
            vm.prank(bob);
            registry.requestWithdrawal(node2.node, part);
        }

        uint256 taken = 0;
        for (uint256 i = 0; i < times; ++i) {
            taken += slashNode(node2.node, bps);
        }
        (uint256 staked, uint256 unbonding,,) = registry.stakeOf(node2.node);
        assertEq(staked + unbonding + taken, stake, "nothing appears or vanishes");
        assertEq(registry.treasuryDue(), taken);
        assertSolvent();
    }

    function test_slashAndReward() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(node1.node, "TEST", 2 ether, 0, bob, 0.2 ether);
        vm.prank(address(manager));
        assertEq(registry.slashAndReward(node1.node, 10_000, "TEST", bob, 1_000), 2 ether);
        assertEq(registry.due(bob), 0.2 ether);
        assertEq(registry.treasuryDue(), 1.8 ether);
        assertStanding(node1.node, true, false, 0, 500);
        assertSolvent();
    }

    function test_aRewardForNobodyIsTheTreasurys() public {
        vm.prank(address(manager));
        registry.slashAndReward(node1.node, 5_000, "TEST", address(0), 5_000);
        assertEq(registry.treasuryDue(), 1 ether);
        assertEq(registry.due(address(0)), 0);
    }

    function test_slashRevertWhen_notSlasher() public {
        bytes memory reason = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, governor, registry.SLASHER_ROLE()
        );
        vm.startPrank(governor);
        vm.expectRevert(reason);
        registry.slash(node1.node, 1, "TEST");
        vm.expectRevert(reason);
        registry.slashAndReward(node1.node, 1, "TEST", governor, 1);
    }

    function test_slashRevertWhen_notRegistered() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, node2.node));
        slashNode(node2.node, 1);
    }

    function test_slashRevertWhen_sharesAreAboveOne() public {
        vm.startPrank(address(manager));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryInvalidShare.selector, 10_001));
        registry.slash(node1.node, 10_001, "TEST");
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryInvalidShare.selector, 10_001));
        registry.slashAndReward(node1.node, 1, "TEST", bob, 10_001);
    }

    function test_offencesDoNotOverflow() public {
        bytes32 record = keccak256(abi.encode(uint256(1), uint256(_recordsSlot())));
        bytes32 first = vm.load(address(registry), record);
        // The count is the topmost field of the record's first word.
        uint256 full = uint256(first) | (uint256(type(uint16).max) << 240);
        vm.store(address(registry), record, bytes32(full));
        assertEq(registry.scoreFacts(node1.node).offences, type(uint16).max);
        slashNode(node1.node, 1);
        assertEq(registry.scoreFacts(node1.node).offences, type(uint16).max);
    }

    // ------------------------------------------------------------------------------------------------ hold

    function test_holdKeepsUnbondingStakeInReach() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        uint64 until = timestamp() + 10 days;
        vm.expectEmit(address(registry));
        emit INodeRegistry.HoldPlaced(node1.node, until);
        _hold(until);

        skip(10 days - 1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryStillUnbonding.selector, until));
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(slashNode(node1.node, 5_000), 1 ether);

        skip(1);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 999 ether);
    }

    /// @dev A stranger who opens dispute after dispute cannot keep the stake for ever.
    function test_holdsCannotBeChained() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        uint64 until = timestamp() + 10 days;
        _hold(until);
        skip(5 days);
        _hold(timestamp() + 60 days);
        (,,, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertEq(heldUntil, until);
        skip(5 days);
        vm.prank(alice);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    /// @dev A dispute over a bonded node counts for what starts to unbond before it is over.
    function test_aHoldCountsForWhatUnbondsLater() public {
        uint64 until = timestamp() + 40 days;
        _hold(until);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        (,, uint64 unbondsAt, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertEq(unbondsAt, START + UNBONDING);
        assertEq(heldUntil, until);
    }

    function test_aShorterHoldChangesNothing() public {
        uint64 until = timestamp() + 40 days;
        _hold(until);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        _hold(timestamp() + 30 days);
        (,,, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertEq(heldUntil, until);
    }

    function test_aHoldIsBounded() public {
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        _hold(type(uint64).max);
        (,,, uint64 heldUntil) = registry.stakeOf(node1.node);
        assertEq(heldUntil, START + registry.MAX_HOLD());
    }

    function test_holdRevertWhen_notSlasher() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, alice, registry.SLASHER_ROLE()
            )
        );
        vm.prank(alice);
        registry.hold(node1.node, timestamp());
    }

    function test_holdRevertWhen_notRegistered() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotRegistered.selector, node2.node));
        vm.prank(address(manager));
        registry.hold(node2.node, timestamp());
    }

    function _hold(uint64 until) private {
        vm.prank(address(manager));
        registry.hold(node1.node, until);
    }

    /// @dev Found by looking, so that the test does not depend on the order of declarations.
    function _recordsSlot() private view returns (uint256 slot) {
        for (slot = 0; slot < 16; ++slot) {
            bytes32 word = vm.load(address(registry), keccak256(abi.encode(uint256(1), slot)));
            if (address(uint160(uint256(word))) == alice) return slot;
        }
        revert("no records");
    }
}
