// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {ParameterRegistry} from "../../src/governance/ParameterRegistry.sol";
import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @notice The governance contracts, wired as they are deployed.
abstract contract GovernanceTest is BaseTest {
    address internal proposer = makeAddr("proposer");
    address internal executor = makeAddr("executor");
    address internal guardian = makeAddr("guardian");
    address internal treasury = makeAddr("treasury");
    address internal stranger = makeAddr("stranger");

    uint256 internal constant START = 1_800_000_000;
    bytes4 internal constant UNAUTHORIZED = IAccessControl.AccessControlUnauthorizedAccount.selector;

    TieredTimelock internal timelock;
    TestMemes internal memes;
    AccessPolicy internal policy;
    ParameterRegistry internal registry;

    function setUp() public virtual {
        vm.warp(START);
        timelock = new TieredTimelock(_one(proposer), _one(executor), address(this));
        memes = new TestMemes();
        policy = new AccessPolicy(address(timelock), address(memes), address(0), address(0), 0);
        registry = new ParameterRegistry(
            address(timelock), guardian, address(this), policy, treasury, new address[](0)
        );
        timelock.wireDelayPolicy(registry);
    }

    modifier asGovernor() {
        vm.startPrank(address(timelock));
        _;
        vm.stopPrank();
    }

    function _one(address account) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function _pair(bytes32 a, bytes32 b) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](2);
        (list[0], list[1]) = (a, b);
    }

    function _pair(uint256 a, uint256 b) internal pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }

    function _govern(bytes32 key, uint256 value) internal {
        vm.prank(address(timelock));
        registry.set(key, value);
    }

    /// @dev The next call is by a stranger, and refused because `role` is missing.
    function _expectStrangerLacks(bytes32 role) internal {
        vm.expectRevert(abi.encodeWithSelector(UNAUTHORIZED, stranger, role));
        vm.prank(stranger);
    }

    /// @dev Keys whose value is bound to that of others.
    function _grouped(bytes32 key) internal pure returns (bool) {
        return key == ParameterKeys.FEE_OPERATOR_SHARE || key == ParameterKeys.FEE_TREASURY_SHARE
            || key == ParameterKeys.FEE_STAKER_SHARE || key == ParameterKeys.REPUTATION_WEIGHT_UPTIME
            || key == ParameterKeys.REPUTATION_WEIGHT_QUALITY || key == ParameterKeys.REPUTATION_WEIGHT_STAKE
            || key == ParameterKeys.REPUTATION_WEIGHT_HISTORY || key == ParameterKeys.FEE_FLOOR
            || key == ParameterKeys.FEE_CEILING || key == ParameterKeys.TIMELOCK_DELAY_STANDARD
            || key == ParameterKeys.TIMELOCK_DELAY_MAJOR || key == ParameterKeys.TIMELOCK_DELAY_CRITICAL
            || key == ParameterKeys.SESSION_SETTLE_INTERVAL || key == ParameterKeys.SESSION_CLAIM_PERIOD
            || key == ParameterKeys.SESSION_DISPUTE_PERIOD;
    }
}
