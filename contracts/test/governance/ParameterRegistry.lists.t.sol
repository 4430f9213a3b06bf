// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {TestGallery} from "../../src/test/TestGallery.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @notice Accepted tokens, treasury, approved configurations.
contract ParameterRegistryListsTest is GovernanceTest {
    function test_EtherIsAcceptedAtFirst() public view {
        assertTrue(registry.acceptedToken(address(0)));
        assertFalse(registry.acceptedToken(address(memes)));
        assertEq(registry.acceptedTokens().length, 1);
    }

    function test_TokensComeAndGo() public asGovernor {
        vm.expectEmit(address(registry));
        emit IParameterRegistry.AcceptedTokenChanged(address(memes), true);
        registry.setAcceptedToken(address(memes), true);
        assertTrue(registry.acceptedToken(address(memes)));
        assertEq(registry.acceptedTokens().length, 2);

        vm.expectEmit(address(registry));
        emit IParameterRegistry.AcceptedTokenChanged(address(memes), false);
        registry.setAcceptedToken(address(memes), false);
        assertFalse(registry.acceptedToken(address(memes)));

        registry.setAcceptedToken(address(0), false);
        assertFalse(registry.acceptedToken(address(0)));
        assertEq(registry.acceptedTokens().length, 0);
    }

    function test_RevertWhen_TheTokenHasNoCode() public asGovernor {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryNotAContract.selector, stranger)
        );
        registry.setAcceptedToken(stranger, true);
    }

    function test_RevertWhen_NothingChanges() public asGovernor {
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryTokenUnchanged.selector, address(0))
        );
        registry.setAcceptedToken(address(0), true);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryTokenUnchanged.selector, stranger)
        );
        registry.setAcceptedToken(stranger, false);
    }

    function test_RevertWhen_ThereAreTooManyTokens() public {
        uint256 limit = registry.MAX_TOKENS();
        for (uint256 i = registry.acceptedTokens().length; i < limit; ++i) {
            address token = address(new TestGallery());
            vm.prank(address(timelock));
            registry.setAcceptedToken(token, true);
        }
        assertEq(registry.acceptedTokens().length, limit);
        address further = address(new TestGallery());
        vm.expectRevert(
            abi.encodeWithSelector(IParameterRegistry.ParameterRegistryTooManyTokens.selector, limit)
        );
        vm.prank(address(timelock));
        registry.setAcceptedToken(further, true);
    }

    function test_RevertWhen_TokensAreSetByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.setAcceptedToken(address(memes), true);
    }

    function test_TheTreasuryMoves() public asGovernor {
        assertEq(registry.treasury(), treasury);
        vm.expectEmit(address(registry));
        emit IParameterRegistry.TreasuryChanged(treasury, stranger);
        registry.setTreasury(stranger);
        assertEq(registry.treasury(), stranger);
    }

    function test_RevertWhen_TheTreasuryIsNobody() public asGovernor {
        vm.expectRevert(IParameterRegistry.ParameterRegistryZeroAddress.selector);
        registry.setTreasury(address(0));
    }

    function test_RevertWhen_TheTreasuryIsSetByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.setTreasury(stranger);
    }

    function test_ConfigurationsAreApprovedAndWithdrawn() public asGovernor {
        bytes32 scope = ParameterKeys.BRIDGE_ORACLE_SCOPE;
        assertEq(registry.approvedConfigHash(scope), bytes32(0));
        vm.expectEmit(address(registry));
        emit IParameterRegistry.ConfigApproved(scope, "hash");
        registry.approveConfig(scope, "hash");
        assertEq(registry.approvedConfigHash(scope), bytes32("hash"));
        assertEq(registry.approvedConfigHash("another"), bytes32(0));
        registry.approveConfig(scope, 0);
        assertEq(registry.approvedConfigHash(scope), bytes32(0));
    }

    function test_RevertWhen_AConfigurationIsApprovedByAnybodyElse() public {
        _expectStrangerLacks(registry.DEFAULT_ADMIN_ROLE());
        registry.approveConfig("scope", "hash");
    }
}
