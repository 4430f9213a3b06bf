// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {INodeRegistry, NodeProof, Standing} from "../../src/interfaces/INodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice blacklist, unblacklist, the emergency blacklist and refresh.
contract NodeRegistryBlacklistTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        setScore(node1, 500);
    }

    function test_blacklistByTheGovernor() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.BlacklistUpdated(node1.node, true);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 2 ether, 500, true, uint64(START));
        vm.prank(governor);
        registry.blacklist(node1.node);
        assertTrue(_isBlacklisted(), "blacklisted");
        assertEq(registry.rewardWeight(node1.node), 0);
        assertEq(sink.weights(node1.node), 0);

        vm.expectEmit(address(registry));
        emit INodeRegistry.BlacklistUpdated(node1.node, false);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 2 ether, 500, false, uint64(START));
        vm.prank(governor);
        registry.unblacklist(node1.node);
        assertFalse(_isBlacklisted(), "lifted");
        assertEq(sink.weights(node1.node), 1_000 ether);
    }

    function test_blacklistByTheSlasher() public {
        vm.prank(address(manager));
        registry.blacklist(node1.node);
        assertTrue(_isBlacklisted(), "blacklisted");
    }

    function test_blacklistRevertWhen_neither() public {
        bytes memory reason = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, guardian, registry.SLASHER_ROLE()
        );
        vm.expectRevert(reason);
        vm.prank(guardian);
        registry.blacklist(node1.node);
    }

    function test_unblacklistRevertWhen_notGovernor() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, address(manager), bytes32(0)
            )
        );
        vm.prank(address(manager));
        registry.unblacklist(node1.node);
    }

    function test_anUnregisteredNode() public {
        vm.startPrank(governor);
        registry.blacklist(node2.node);
        (bool registered,,,, bool blacklisted,) = registry.standing(node2.node);
        assertFalse(registered, "registered");
        assertTrue(blacklisted, "blacklisted");
        registry.unblacklist(node2.node);
        (,,,, blacklisted,) = registry.standing(node2.node);
        assertFalse(blacklisted, "lifted");
    }

    function test_theExitStaysOpen() public {
        vm.prank(governor);
        registry.blacklist(node1.node);
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, false, 0, 0, true, 0);
        registry.withdrawStake(node1.node, alice);
        assertEq(alice.balance, 1_000 ether);
    }

    /// @dev The ParameterRegistry's list counts at once, and is announced here in the same transaction.
    function test_emergency() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 2 ether, 500, true, uint64(START));
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        assertTrue(_isBlacklisted(), "blacklisted");
        assertEq(registry.rewardWeight(node1.node), 0);
        // The sink needs more gas than the brake can give it.
        assertEq(sink.weights(node1.node), 1_000 ether);
        _refresh();
        assertEq(sink.weights(node1.node), 0);

        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 2 ether, 500, false, uint64(START));
        vm.prank(guardian);
        params.clearNode(node1.node);
        assertFalse(_isBlacklisted(), "cleared");
    }

    /// @dev The exploit: the node changed its key just before the guardian's call, which then banned an address
    /// without a record.
    function test_K3_anEmergencyFollowsAChangeOfTheKey() public {
        _changeKey(node1, node2);
        _changeKey(node2, node3);
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        assertTrue(_isBlacklisted(node3.node), "by its first key");
        assertEq(registry.rewardWeight(node3.node), 0);
        (bytes20[] memory serving,) = registry.getActiveNodes(0, 10);
        assertEq(serving.length, 0);
        (Standing[] memory page,) = registry.standings(0, 10);
        assertTrue(page[0].blacklisted, "in the list");

        // It cannot change its key any more.
        NodeKey memory fresh = nodeKey("fresh");
        string memory message = registry.keyChangeMessage(node3.node, fresh.node, alice);
        NodeProof[2] memory proofs = [proofOf(node3, message), proofOf(fresh, message)];
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryBlacklisted.selector, node3.node));
        vm.prank(alice);
        registry.changeKey(node3.node, fresh.node, proofs[0], proofs[1]);

        skip(1 days);
        vm.prank(guardian);
        params.blacklistNode(node2.node, "the longer one counts");
        vm.prank(guardian);
        params.clearNode(node1.node);
        assertTrue(_isBlacklisted(node3.node), "by its second key");
        skip(params.GUARDIAN_BLACKLIST());
        assertFalse(_isBlacklisted(node3.node), "over");
        vm.prank(guardian);
        params.blacklistNode(node3.node, "the present key");
        vm.prank(guardian);
        params.clearNode(node3.node);
        assertFalse(_isBlacklisted(node3.node), "cleared");
    }

    function test_anEmergencyEndsByItself() public {
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        skip(params.GUARDIAN_BLACKLIST());
        assertFalse(_isBlacklisted(), "over");
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, 2 ether, 500, false, uint64(START));
        _refresh();
    }

    function test_theBrakesGasIsEnough() public {
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        skip(params.GUARDIAN_BLACKLIST());
        registry.onBlacklistChanged{gas: 100_000}(node1.node);
        assertEq(registry.rewardWeight(node1.node), 1_000 ether);
    }

    function test_anUnknownNodeIsNoMatter() public {
        vm.recordLogs();
        registry.onBlacklistChanged(node2.node);
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = node2.node;
        registry.refresh(nodes);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function _changeKey(NodeKey memory old, NodeKey memory next) private {
        string memory message = registry.keyChangeMessage(old.node, next.node, alice);
        vm.startPrank(alice);
        registry.changeKey(old.node, next.node, proofOf(old, message), proofOf(next, message));
        vm.stopPrank();
    }

    function _isBlacklisted(bytes20 node) private view returns (bool blacklisted) {
        (,,,, blacklisted,) = registry.standing(node);
    }

    function _isBlacklisted() private view returns (bool blacklisted) {
        (,,,, blacklisted,) = registry.standing(node1.node);
    }

    function _refresh() private {
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = node1.node;
        registry.refresh(nodes);
    }
}
