// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterRegistry} from "../../src/governance/ParameterRegistry.sol";
import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {TestGallery} from "../../src/test/TestGallery.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @notice What a gate and the bridge oracle read, and how the registry begins.
contract ParameterRegistryViewsTest is GovernanceTest {
    bytes20 private constant NODE = bytes20(hex"a1");

    function test_TheGateReadsAllAtOnce() public {
        TestGallery gallery = new TestGallery();
        vm.startPrank(address(timelock));
        registry.set(ParameterKeys.CREDENTIAL_TTL, 2 hours);
        registry.set(ParameterKeys.DEVICE_LIMIT_FREE, 5);
        registry.set(ParameterKeys.DEVICE_LIMIT_PAID, 2);
        registry.set(ParameterKeys.BANDWIDTH_FREE, 7);
        registry.set(ParameterKeys.BANDWIDTH_PAID, 9);
        registry.set(ParameterKeys.MIN_ACTIVATION_SCORE, 150);
        policy.setThisCardTokenId(42);
        policy.addCollection(
            address(gallery), IAccessPolicy.Standard.Erc721, IAccessPolicy.Tier.Free, new uint256[](0)
        );
        vm.stopPrank();
        vm.startPrank(guardian);
        registry.pause();
        registry.blacklistNode(NODE, "");
        vm.stopPrank();

        IParameterRegistry.GatePolicy memory read = registry.policyForGateOf(NODE);
        assertTrue(read.paused);
        assertEq(read.pausedUntil, START + 7 days);
        assertTrue(read.nodeBlacklisted);
        assertEq(read.credentialTtl, 2 hours);
        assertEq(read.freeDevices, 5);
        assertEq(read.paidDevices, 2);
        assertEq(read.freeBandwidth, 7);
        assertEq(read.paidBandwidth, 9);
        assertEq(read.minScore, 150);
        assertEq(read.memes, address(memes));
        assertEq(read.thisCard, 42);
        assertEq(read.collections.length, 1);
        assertEq(read.collections[0].token, address(gallery));
        assertTrue(read.collections[0].tier == IAccessPolicy.Tier.Free);
        assertEq(read.revision, registry.revision() + policy.revision());
        assertFalse(registry.policyForGate().nodeBlacklisted);
    }

    function test_TheOracleReadsAllAtOnce() public {
        vm.startPrank(address(timelock));
        registry.set(ParameterKeys.MIN_STAKE, 3 ether);
        registry.set(ParameterKeys.ORACLE_COMMITTEE_SIZE, 11);
        registry.approveConfig(ParameterKeys.BRIDGE_ORACLE_SCOPE, "config");
        vm.stopPrank();
        IParameterRegistry.OraclePolicy memory read = registry.policyForOracle();
        assertFalse(read.paused);
        assertEq(read.minStake, 3 ether);
        assertEq(read.minStakeToStay, 0.5 ether);
        assertEq(read.minScore, 0);
        assertEq(read.committeeSize, 11);
        assertEq(read.configHash, bytes32("config"));
        assertEq(read.revision, registry.revision());
    }

    function test_TheRevisionGrowsWithEveryChange() public {
        uint64 before = registry.policyForGate().revision;
        _govern(ParameterKeys.DEVICE_LIMIT_FREE, 4);
        uint64 afterNumber = registry.policyForGate().revision;
        assertGt(afterNumber, before, "number");
        vm.prank(address(timelock));
        policy.setThisCardTokenId(1);
        uint64 afterCard = registry.policyForGate().revision;
        assertGt(afterCard, afterNumber, "card");
        vm.prank(guardian);
        registry.pause();
        assertGt(registry.policyForGate().revision, afterCard, "pause");
    }

    function test_ItBeginsWithGovernorAndGuardianOnly() public view {
        assertEq(registry.owner(), address(timelock));
        assertTrue(registry.hasRole(registry.DEFAULT_ADMIN_ROLE(), address(timelock)));
        assertTrue(registry.hasRole(registry.PAUSER_ROLE(), guardian));
        assertTrue(registry.hasRole(registry.BLACKLISTER_ROLE(), guardian));
        assertFalse(registry.hasRole(registry.DEFAULT_ADMIN_ROLE(), address(this)));
        assertFalse(registry.hasRole(registry.PAUSER_ROLE(), address(this)));
        assertEq(address(registry.accessPolicy()), address(policy));
        assertEq(registry.defaultAdminDelay(), 1 days);
    }

    function test_TheAdminMovesInTwoSteps() public {
        vm.prank(address(timelock));
        registry.beginDefaultAdminTransfer(stranger);
        assertEq(registry.owner(), address(timelock));
        vm.expectRevert();
        vm.prank(stranger);
        registry.acceptDefaultAdminTransfer();
        skip(1 days + 1);
        vm.expectRevert();
        registry.acceptDefaultAdminTransfer();
        vm.prank(stranger);
        registry.acceptDefaultAdminTransfer();
        assertEq(registry.owner(), stranger);
        assertFalse(registry.hasRole(registry.DEFAULT_ADMIN_ROLE(), address(timelock)));
    }

    function test_TokensCanBeGivenAtTheStart() public {
        ParameterRegistry other = new ParameterRegistry(
            address(timelock), guardian, address(this), policy, treasury, _one(address(memes))
        );
        assertTrue(other.acceptedToken(address(memes)));
    }

    function test_RevertWhen_TheAccessPolicyHasNoCode() public {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryNotAContract.selector, stranger)
        );
        new ParameterRegistry(
            address(timelock), guardian, address(this), IAccessPolicy(stranger), treasury, new address[](0)
        );
    }

    function test_RevertWhen_ThereIsNoTreasuryAtTheStart() public {
        vm.expectRevert(IParameterRegistry.ParameterRegistryZeroAddress.selector);
        new ParameterRegistry(
            address(timelock), guardian, address(this), policy, address(0), new address[](0)
        );
    }
}
