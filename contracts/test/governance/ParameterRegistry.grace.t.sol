// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @notice A raised minimum stake leaves time to those who are in.
contract ParameterRegistryGraceTest is GovernanceTest {
    function test_BothAreEqualAtFirst() public view {
        _assertMinStake(0.5 ether, 0.5 ether);
    }

    function test_ARaiseCountsAtOnceForNewNodesAndLaterForOthers() public {
        _govern(ParameterKeys.MIN_STAKE, 2 ether);
        _assertMinStake(2 ether, 0.5 ether);
        skip(14 days - 1);
        _assertMinStake(2 ether, 0.5 ether);
        skip(1);
        _assertMinStake(2 ether, 2 ether);
    }

    function test_ASecondRaiseWithinTheGraceKeepsTheLowestAndItsTime() public {
        _govern(ParameterKeys.MIN_STAKE, 2 ether);
        skip(10 days);
        _govern(ParameterKeys.MIN_STAKE, 5 ether);
        skip(14 days - 1);
        _assertMinStake(5 ether, 0.5 ether);
        skip(1);
        _assertMinStake(5 ether, 5 ether);
    }

    function test_ARaiseAfterTheGraceStartsFromTheOneInForce() public {
        _govern(ParameterKeys.MIN_STAKE, 2 ether);
        skip(14 days);
        _govern(ParameterKeys.MIN_STAKE, 5 ether);
        _assertMinStake(5 ether, 2 ether);
    }

    function test_ALoweringCountsAtOnceForAll() public {
        _govern(ParameterKeys.MIN_STAKE, 0.2 ether);
        _assertMinStake(0.2 ether, 0.2 ether);
    }

    function test_ALoweringBelowTheGraceCountsForAll() public {
        _govern(ParameterKeys.MIN_STAKE, 2 ether);
        _govern(ParameterKeys.MIN_STAKE, 0.3 ether);
        _assertMinStake(0.3 ether, 0.3 ether);
        _govern(ParameterKeys.MIN_STAKE, 1 ether);
        _assertMinStake(1 ether, 0.3 ether);
    }

    function test_TheGraceIsGoverned() public {
        _govern(ParameterKeys.STAKE_GRACE_PERIOD, 30 days);
        _govern(ParameterKeys.MIN_STAKE, 2 ether);
        skip(30 days - 1);
        _assertMinStake(2 ether, 0.5 ether);
        skip(1);
        _assertMinStake(2 ether, 2 ether);
    }

    /// @notice Whatever governance does, nobody with stake enough before needs more within the least grace.
    function testFuzz_NobodyFallsAtOnce(uint256[8] memory values, uint256[8] memory pauses) public {
        for (uint256 i = 0; i < values.length; ++i) {
            (, uint256 before) = registry.minStake();
            _govern(ParameterKeys.MIN_STAKE, bound(values[i], 0.1 ether, 100 ether));
            (uint256 toEnter, uint256 toStay) = registry.minStake();
            assertLe(toStay, before, "raised at once");
            assertLe(toStay, toEnter, "more to stay than to enter");
            skip(bound(pauses[i], 0, 20 days));
        }
    }

    function _assertMinStake(uint256 toEnter, uint256 toStay) private view {
        (uint256 enter, uint256 stay) = registry.minStake();
        assertEq(enter, toEnter, "to enter");
        assertEq(stay, toStay, "to stay");
    }
}
