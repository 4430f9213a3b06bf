// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ISlashingManager} from "../../src/interfaces/ISlashingManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @notice How long each kind of operation has to be public.
contract ParameterRegistryDelayTest is GovernanceTest {
    uint256 private constant STANDARD = 1 days;
    uint256 private constant MAJOR = 3 days;
    uint256 private constant CRITICAL = 7 days;

    function test_EachKeyWaitsByItsTier() public view {
        bytes32[] memory keys = registry.keys();
        uint256[3] memory delays = [STANDARD, MAJOR, CRITICAL];
        uint256[3] memory seen;
        for (uint256 i = 0; i < keys.length; ++i) {
            (,, IParameterRegistry.Tier tier) = registry.boundsOf(keys[i]);
            bytes memory data = abi.encodeCall(registry.set, (keys[i], 0));
            assertEq(registry.delayFor(address(registry), data), delays[uint256(tier)]);
            ++seen[uint256(tier)];
        }
        assertGt(seen[0], 0, "standard");
        assertGt(seen[1], 0, "major");
        assertGt(seen[2], 0, "critical");
    }

    function test_SeveralKeysWaitAsLongAsTheSlowest() public view {
        uint256[] memory values = new uint256[](2);
        bytes32 fast = ParameterKeys.CREDENTIAL_TTL;
        _assertOwn(
            abi.encodeCall(registry.setMany, (_pair(fast, ParameterKeys.DEVICE_LIMIT_FREE), values)), STANDARD
        );
        _assertOwn(abi.encodeCall(registry.setMany, (_pair(fast, ParameterKeys.MIN_STAKE), values)), MAJOR);
        _assertOwn(
            abi.encodeCall(registry.setMany, (_pair(ParameterKeys.SLASH_LOGGING_PERCENT, fast), values)),
            CRITICAL
        );
    }

    function test_TypedFunctionsWaitByTheirWeight() public view {
        _assertOwn(abi.encodeCall(registry.setFeeShares, (7_000, 1_800, 1_200)), MAJOR);
        _assertOwn(abi.encodeCall(registry.setReputationWeights, (300, 300, 200, 200)), MAJOR);
        _assertOwn(abi.encodeCall(registry.setAcceptedToken, (stranger, true)), MAJOR);
        _assertOwn(abi.encodeCall(registry.setTreasury, (stranger)), CRITICAL);
        _assertOwn(abi.encodeCall(registry.approveConfig, ("a", "b")), STANDARD);
        _assertOwn(abi.encodeCall(registry.renewPause, (1)), STANDARD);
        _assertOwn(abi.encodeCall(registry.unpause, ()), STANDARD);
        _assertOwn(abi.encodeCall(registry.extendBlacklist, (bytes20(uint160(1)), 1, "")), STANDARD);
        _assertOwn(abi.encodeCall(registry.clearNode, (bytes20(uint160(1)))), STANDARD);
    }

    function test_A20_aRotationIsCritical() public view {
        _assertCall(stranger, abi.encodeCall(IReputationOracle.setCommittee, (new address[](7))), CRITICAL);
    }

    /// @dev The exploit: a longer major delay shut out a veto of a dispute that was running.
    function test_K5_aVetoIsAlwaysInTime() public {
        bytes memory veto = abi.encodeCall(ISlashingManager.veto, (1));
        _assertCall(stranger, veto, 1 days);
        vm.startPrank(address(timelock));
        registry.set(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 30 days);
        registry.set(ParameterKeys.TIMELOCK_DELAY_MAJOR, 14 days);
        registry.set(ParameterKeys.TIMELOCK_DELAY_STANDARD, 7 days);
        vm.stopPrank();
        _assertCall(stranger, veto, 1 days);
        // The least veto period is the least major delay and two days; the general delay is two days at most.
        (uint256 least,,) = registry.boundsOf(ParameterKeys.TIMELOCK_DELAY_MAJOR);
        assertGt(least + 2 days, timelock.MIN_DELAY_CEILING(), "in time");
    }

    function test_PowerMovesSlowestEverywhere() public view {
        address[3] memory targets = [address(registry), address(timelock), stranger];
        for (uint256 i = 0; i < targets.length; ++i) {
            _assertCall(targets[i], abi.encodeCall(IAccessControl.grantRole, (0, stranger)), CRITICAL);
            _assertCall(targets[i], abi.encodeCall(IAccessControl.revokeRole, (0, stranger)), CRITICAL);
            _assertCall(targets[i], abi.encodeCall(IAccessControl.renounceRole, (0, stranger)), CRITICAL);
            _assertCall(targets[i], abi.encodeCall(Ownable.transferOwnership, (stranger)), CRITICAL);
            _assertCall(targets[i], abi.encodeCall(Ownable.renounceOwnership, ()), CRITICAL);
            _assertCall(targets[i], abi.encodeCall(Ownable2Step.acceptOwnership, ()), CRITICAL);
            _assertCall(targets[i], abi.encodeCall(TimelockController.updateDelay, (1)), CRITICAL);
            _assertCall(
                targets[i],
                abi.encodeCall(IAccessControlDefaultAdminRules.beginDefaultAdminTransfer, (stranger)),
                CRITICAL
            );
            _assertCall(
                targets[i],
                abi.encodeCall(IAccessControlDefaultAdminRules.acceptDefaultAdminTransfer, ()),
                CRITICAL
            );
            _assertCall(
                targets[i],
                abi.encodeCall(IAccessControlDefaultAdminRules.changeDefaultAdminDelay, (1)),
                CRITICAL
            );
            _assertCall(
                targets[i],
                abi.encodeCall(IAccessControlDefaultAdminRules.rollbackDefaultAdminDelay, ()),
                CRITICAL
            );
        }
    }

    function test_AllTheRestIsMajor() public view {
        _assertCall(stranger, "", MAJOR);
        _assertCall(stranger, hex"12", MAJOR);
        _assertCall(address(registry), "", MAJOR);
        _assertCall(address(policy), abi.encodeCall(IAccessPolicy.setThisCardTokenId, (1)), MAJOR);
        // The selectors of the registry mean nothing elsewhere.
        _assertCall(stranger, abi.encodeCall(registry.set, (ParameterKeys.CREDENTIAL_TTL, 1 hours)), MAJOR);
        _assertCall(stranger, abi.encodeCall(registry.unpause, ()), MAJOR);
    }

    function test_DelaysAreGovernedWithinTheirBounds() public {
        _govern(ParameterKeys.TIMELOCK_DELAY_CRITICAL, 20 days);
        _assertOwn(abi.encodeCall(registry.setTreasury, (stranger)), 20 days);
        _govern(ParameterKeys.TIMELOCK_DELAY_MAJOR, 10 days);
        _assertCall(stranger, "", 10 days);
        _govern(ParameterKeys.TIMELOCK_DELAY_STANDARD, 2 days);
        _assertOwn(abi.encodeCall(registry.unpause, ()), 2 days);
    }

    function test_RevertWhen_AnOwnCallIsMalformedOrUnknown() public {
        vm.expectRevert();
        registry.delayFor(address(registry), abi.encodePacked(registry.set.selector));
        vm.expectRevert();
        registry.delayFor(address(registry), abi.encodePacked(registry.setMany.selector, uint256(1)));
        vm.expectPartialRevert(IParameterRegistry.ParameterRegistryUnknownKey.selector);
        registry.delayFor(address(registry), abi.encodeCall(registry.set, ("nothing", 1)));
    }

    function testFuzz_NothingIsFasterThanADay(address target, bytes calldata data) public view {
        try registry.delayFor(target, data) returns (uint256 delay) {
            assertGe(delay, 1 days, "faster");
        } catch {
            assertEq(target, address(registry));
        }
    }

    function _assertOwn(bytes memory data, uint256 delay) private view {
        _assertCall(address(registry), data, delay);
    }

    function _assertCall(address target, bytes memory data, uint256 delay) private view {
        assertEq(registry.delayFor(target, data), delay);
    }
}
