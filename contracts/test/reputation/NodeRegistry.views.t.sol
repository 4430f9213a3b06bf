// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Standing} from "../../src/interfaces/INodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice The paged views.
contract NodeRegistryViewsTest is ReputationBase {
    uint256 private constant COUNT = 10;

    NodeKey[] private _keys;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < COUNT; ++i) {
            NodeKey memory key = nodeKey(string.concat("paged", vm.toString(i)));
            _keys.push(key);
            register(key, alice, MIN_STAKE + i);
            setScore(key, uint16(100 * i));
        }
        vm.prank(alice);
        registry.deregisterNode(_keys[2].node);
        vm.prank(governor);
        registry.blacklist(_keys[4].node);
        vm.prank(guardian);
        params.blacklistNode(_keys[6].node, "reason");
        slashNode(_keys[8].node, 1_000);
    }

    function test_standingsPaged(uint256 limit) public view {
        limit = bound(limit, 1, COUNT + 2);
        uint256 seen = 0;
        uint256 cursor = 0;
        do {
            (Standing[] memory page, uint256 next) = registry.standings(cursor, limit);
            assertLe(page.length, limit, "page");
            for (uint256 i = 0; i < page.length; ++i) {
                _assertLikeStanding(page[i]);
                assertNode(page[i].node, _keys[seen].node);
                ++seen;
            }
            cursor = next;
        } while (cursor != 0);
        assertEq(seen, COUNT);
    }

    function test_standingsBeyondTheEnd() public view {
        (Standing[] memory page, uint256 next) = registry.standings(COUNT, 5);
        assertEq(page.length, 0);
        assertEq(next, 0);
        (page, next) = registry.standings(type(uint256).max, type(uint256).max);
        assertEq(page.length, 0);
        assertEq(next, 0);
        (page, next) = registry.standings(1, type(uint256).max);
        assertEq(page.length, COUNT - 1);
        assertEq(next, 0);
    }

    function test_getActiveNodes() public view {
        (bytes20[] memory nodes, uint256 next) = registry.getActiveNodes(0, 100);
        assertEq(next, 0);
        assertEq(nodes.length, 6);
        uint8[6] memory expected = [0, 1, 3, 5, 7, 9];
        for (uint256 i = 0; i < 6; ++i) {
            assertNode(nodes[i], _keys[expected[i]].node);
        }
    }

    function test_getActiveNodesPaged() public view {
        (bytes20[] memory nodes, uint256 next) = registry.getActiveNodes(2, 3);
        assertEq(next, 5);
        assertEq(nodes.length, 1);
        assertNode(nodes[0], _keys[3].node);
    }

    function test_getNodesByReputation() public view {
        (bytes20[] memory nodes, uint256 next) = registry.getNodesByReputation(500, 0, 100);
        assertEq(next, 0);
        assertEq(nodes.length, 3);
        assertNode(nodes[0], _keys[5].node);
        assertNode(nodes[1], _keys[7].node);
        assertNode(nodes[2], _keys[9].node);
        (nodes,) = registry.getNodesByReputation(501, 0, 100);
        assertEq(nodes.length, 2);
        (nodes,) = registry.getNodesByReputation(901, 0, 100);
        assertEq(nodes.length, 0);
    }

    function test_anUnknownNode() public view {
        assertStanding(node1.node, false, false, 0, 0);
        assertNode(registry.currentNode(node1.node), bytes20(0));
        assertEq(registry.scoreFacts(node1.node).record, 0);
        assertStanding(bytes20(0), false, false, 0, 0);
    }

    /// @dev 1,000 nodes in a few calls: 250 of them must stay far below the 50 million gas of a call.
    function test_aPageIsCheap() public view {
        uint256 before = gasleft();
        registry.standings(0, COUNT);
        uint256 each = (before - gasleft()) / COUNT;
        assertLt(each * 250, 10_000_000, "gas of 250 standings");
    }

    function _assertLikeStanding(Standing memory line) private view {
        (bool registered, bool active, uint256 stake, uint16 score, bool blacklisted, uint64 since) =
            registry.standing(line.node);
        assertEq(line.registered, registered);
        assertEq(line.active, active);
        assertEq(line.stake, stake);
        assertEq(line.score, score);
        assertEq(line.blacklisted, blacklisted);
        assertEq(line.since, since);
    }
}
