// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

contract ParameterRegistryBlacklistTest is GovernanceTest {
    bytes20 private constant NODE = bytes20(hex"a1");
    bytes20 private constant OTHER = bytes20(hex"b2");
    uint64 private constant FOREVER = type(uint64).max;

    function test_AGuardiansEntryEndsByItself() public {
        vm.expectEmit(address(registry));
        emit IParameterRegistry.NodeBlacklisted(NODE, uint64(START + 14 days), "attack", guardian);
        _guard(NODE);
        assertTrue(registry.nodeBlacklisted(NODE));
        assertFalse(registry.nodeBlacklisted(OTHER));
        assertEq(registry.nodeBlacklistedUntil(NODE), START + 14 days);
        skip(14 days - 1);
        assertTrue(registry.nodeBlacklisted(NODE));
        skip(1);
        assertFalse(registry.nodeBlacklisted(NODE));
    }

    function test_AGuardianCannotKeepANodeOut() public {
        _guard(NODE);
        skip(14 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryBlacklistSpent.selector, NODE, uint64(START + 28 days)
            )
        );
        _guard(NODE);
        _guard(OTHER);
        skip(14 days - 1);
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryBlacklistSpent.selector);
        _guard(NODE);
        skip(1);
        _guard(NODE);
        assertTrue(registry.nodeBlacklisted(NODE));
    }

    function test_ClearingDoesNotShortenTheRest() public {
        _guard(NODE);
        vm.startPrank(guardian);
        registry.clearNode(NODE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryBlacklistSpent.selector, NODE, uint64(START + 28 days)
            )
        );
        registry.blacklistNode(NODE, "again");
        vm.stopPrank();
    }

    function test_RevertWhen_BlacklistedAlready() public {
        _guard(NODE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterRegistry.ParameterRegistryAlreadyBlacklisted.selector, NODE, uint64(START + 14 days)
            )
        );
        _guard(NODE);
    }

    function test_RevertWhen_BlacklistedByAnybodyElse() public {
        _expectStrangerLacks(registry.BLACKLISTER_ROLE());
        registry.blacklistNode(NODE, "");
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(address(timelock));
        registry.blacklistNode(NODE, "");
    }

    function test_RevertWhen_ThereIsNoNode() public {
        vm.expectRevert(IParameterRegistry.ParameterRegistryInvalidNode.selector);
        _guard(bytes20(0));
        vm.expectRevert(IParameterRegistry.ParameterRegistryInvalidNode.selector);
        vm.prank(address(timelock));
        registry.extendBlacklist(bytes20(0), FOREVER, "");
    }

    function test_TheTimelockBlacklistsForGood() public {
        vm.expectEmit(address(registry));
        emit IParameterRegistry.NodeBlacklisted(NODE, FOREVER, "proven", address(timelock));
        _extend(NODE, FOREVER);
        skip(3650 days);
        assertTrue(registry.nodeBlacklisted(NODE));
    }

    function test_TheTimelockExtendsAGuardiansEntry() public {
        _guard(NODE);
        _extend(NODE, uint64(START + 100 days));
        skip(100 days - 1);
        assertTrue(registry.nodeBlacklisted(NODE));
        skip(1);
        assertFalse(registry.nodeBlacklisted(NODE));
    }

    function test_RevertWhen_TheEndIsPast() public {
        vm.startPrank(address(timelock));
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryInvalidTime.selector, START)
        );
        registry.extendBlacklist(NODE, uint64(START), "");
        registry.extendBlacklist(NODE, uint64(START + 1), "");
        vm.stopPrank();
    }

    function test_RevertWhen_ExtendedByAGuardian() public {
        _guard(NODE);
        vm.expectPartialRevert(UNAUTHORIZED);
        vm.prank(guardian);
        registry.extendBlacklist(NODE, FOREVER, "");
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.extendBlacklist(NODE, FOREVER, "");
    }

    function test_AGuardianClearsAGuardiansEntry() public {
        _guard(NODE);
        vm.expectEmit(address(registry));
        emit IParameterRegistry.NodeCleared(NODE, guardian);
        vm.prank(guardian);
        registry.clearNode(NODE);
        assertFalse(registry.nodeBlacklisted(NODE));
        assertEq(registry.nodeBlacklistedUntil(NODE), 0);
    }

    function test_RevertWhen_AGuardianClearsTheTimelocksEntry() public {
        _extend(NODE, FOREVER);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryUnauthorized.selector, guardian)
        );
        vm.prank(guardian);
        registry.clearNode(NODE);
        vm.prank(address(timelock));
        registry.clearNode(NODE);
        assertFalse(registry.nodeBlacklisted(NODE));
    }

    function test_RevertWhen_AStrangerClears() public {
        _guard(NODE);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryUnauthorized.selector, stranger)
        );
        vm.prank(stranger);
        registry.clearNode(NODE);
    }

    function test_RevertWhen_ThereIsNothingToClear() public {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryNotBlacklisted.selector, NODE)
        );
        vm.prank(guardian);
        registry.clearNode(NODE);
        _guard(NODE);
        skip(14 days);
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryNotBlacklisted.selector);
        vm.prank(guardian);
        registry.clearNode(NODE);
    }

    function test_AnybodyPrunesWhatHasEndedAndNothingElse() public {
        _guard(NODE);
        _extend(OTHER, FOREVER);
        skip(14 days);
        bytes20[] memory nodes = new bytes20[](4);
        (nodes[0], nodes[1], nodes[2], nodes[3]) = (NODE, OTHER, NODE, bytes20(hex"c3"));
        vm.expectEmit(address(registry));
        emit IParameterRegistry.NodeCleared(NODE, stranger);
        vm.prank(stranger);
        registry.pruneBlacklist(nodes);
        assertTrue(registry.nodeBlacklisted(OTHER));
        (bytes20[] memory listed,,) = registry.blacklist(0, 10);
        assertEq(listed.length, 1);
        assertTrue(listed[0] == OTHER);
        // The guardian's rest goes on.
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryBlacklistSpent.selector);
        _guard(NODE);
    }

    function test_ThePagesShowAllEntries() public {
        for (uint256 i = 1; i <= 5; ++i) {
            _extend(bytes20(uint160(i)), uint64(START + i));
        }
        uint256 cursor = 0;
        uint256 seen = 0;
        do {
            (bytes20[] memory nodes, uint64[] memory untils, uint256 next) = registry.blacklist(cursor, 2);
            assertEq(nodes.length, untils.length);
            for (uint256 i = 0; i < nodes.length; ++i) {
                ++seen;
                assertTrue(nodes[i] == bytes20(uint160(seen)));
                assertEq(untils[i], START + seen);
            }
            cursor = next;
        } while (cursor != 0);
        assertEq(seen, 5);
        (bytes20[] memory none,, uint256 end) = registry.blacklist(99, type(uint256).max);
        assertEq(none.length, 0);
        assertEq(end, 0);
    }

    function test_EveryChangeChangesTheHash() public {
        IParameterRegistry.OraclePolicy memory a = registry.policyForOracle();
        assertEq(a.blacklistCount, 0);
        _guard(NODE);
        IParameterRegistry.OraclePolicy memory b = registry.policyForOracle();
        assertEq(b.blacklistCount, 1);
        vm.prank(guardian);
        registry.clearNode(NODE);
        IParameterRegistry.OraclePolicy memory c = registry.policyForOracle();
        assertEq(c.blacklistCount, 0);
        assertNotEq(a.blacklistHash, b.blacklistHash, "entered");
        assertNotEq(b.blacklistHash, c.blacklistHash, "left");
        assertNotEq(a.blacklistHash, c.blacklistHash, "entered and left");
    }

    function _guard(bytes20 node) private {
        vm.prank(guardian);
        registry.blacklistNode(node, "attack");
    }

    function _extend(bytes20 node, uint64 until) private {
        vm.prank(address(timelock));
        registry.extendBlacklist(node, until, "proven");
    }
}
