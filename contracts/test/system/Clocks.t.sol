// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterKeys as K} from "../../src/libraries/ParameterKeys.sol";
import {World} from "./World.sol";

/// @notice The inequalities of docs/contracts-clocks.md: those between bounds and constants at the corners of the
/// bounds, and all of them for random governed values.
contract ClocksTest is World {
    uint64 private constant REPORT_AGE = 7 days;

    // ------------------------------------------------------------------ corners of the bounds

    function test_anAttestationIsMadeWhileTheStakeIsThere() public view {
        assertGe(_least(K.UNBONDING_PERIOD), system.slashing.MAX_REPORT_AGE(), "report age");
        assertEq(system.slashing.MAX_REPORT_AGE(), REPORT_AGE);
        assertEq(system.oracle.MAX_REPORT_AGE(), REPORT_AGE);
    }

    function test_aCountedSignatureIsBacked() public view {
        assertLt(system.oracle.SIGNING_GRACE(), _least(K.UNBONDING_PERIOD), "signing grace");
    }

    function test_aHoldLastsUntilTheExecution() public view {
        uint256 veto = _most(K.TIMELOCK_DELAY_MAJOR) + system.slashing.VETO_MARGIN();
        uint256 longest = _most(K.DISPUTE_PERIOD) + veto + system.slashing.EXECUTION_MARGIN();
        assertLe(longest, system.nodes.MAX_HOLD(), "of a node");
        uint256 ruling = system.slashing.RULING_PERIOD() + system.slashing.EXECUTION_MARGIN();
        assertLe(ruling, system.oracle.MAX_HOLD(), "of a member");
    }

    function test_aVetoIsInTime() public view {
        uint256 least = _least(K.TIMELOCK_DELAY_MAJOR) + system.slashing.VETO_MARGIN();
        assertLt(system.parameters.VETO_DELAY(), least, "its own delay");
        assertLt(system.timelock.MIN_DELAY_CEILING(), least, "the general delay");
    }

    function test_aRulingIsInTime() public view {
        assertLt(_most(K.TIMELOCK_DELAY_CRITICAL), system.slashing.RULING_PERIOD(), "any delay");
    }

    function test_aConsentOutlastsTheNoticeOfARotation() public view {
        uint256 notice = _most(K.TIMELOCK_DELAY_CRITICAL) + system.timelock.OPERATION_GRACE();
        assertLe(notice, system.oracle.MAX_CONSENT(), "consent");
    }

    function test_sessionsCanAlwaysBeGoverned() public view {
        uint256 ending = _least(K.SESSION_CLAIM_PERIOD) + _least(K.SESSION_DISPUTE_PERIOD);
        assertLt(ending, _least(K.TIMELOCK_DELAY_CRITICAL), "at the least");
        ending = _most(K.SESSION_CLAIM_PERIOD) + _most(K.SESSION_DISPUTE_PERIOD);
        assertLe(ending, 13 days, "at the most");
        assertLt(ending, _most(K.TIMELOCK_DELAY_CRITICAL), "some critical delay covers them");
        assertLe(_least(K.SESSION_SETTLE_INTERVAL), _least(K.SESSION_CLAIM_PERIOD), "settle interval");
    }

    // ------------------------------------------------------------------ governed values

    /// @dev Whatever governance tries: a set of values that it takes keeps every inequality.
    function testFuzz_everyGovernedSetKeepsTheInequalities(uint256 seed) public {
        bytes32[8] memory clocks = [
            K.SESSION_SETTLE_INTERVAL,
            K.SESSION_CLAIM_PERIOD,
            K.SESSION_DISPUTE_PERIOD,
            K.TIMELOCK_DELAY_STANDARD,
            K.TIMELOCK_DELAY_MAJOR,
            K.TIMELOCK_DELAY_CRITICAL,
            K.DISPUTE_PERIOD,
            K.UNBONDING_PERIOD
        ];
        bytes32[] memory keys = new bytes32[](8);
        uint256[] memory values = new uint256[](8);
        for (uint256 i = 0; i < 8; ++i) {
            keys[i] = clocks[i];
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            uint256 least = _least(keys[i]);
            uint256 span = _most(keys[i]) - least;
            // The corners often, and else anything between.
            values[i] =
                dice % 4 == 0 ? least : dice % 4 == 1 ? least + span : least + (dice >> 8) % (span + 1);
        }
        vm.prank(address(system.timelock));
        try system.parameters.setMany(keys, values) {} catch {}
        _assertInequalities();
    }

    function _assertInequalities() private view {
        uint256 critical = _get(K.TIMELOCK_DELAY_CRITICAL);
        uint256 major = _get(K.TIMELOCK_DELAY_MAJOR);
        assertLe(_get(K.TIMELOCK_DELAY_STANDARD), major, "standard");
        assertLe(major, critical, "major");
        assertLt(_get(K.SESSION_CLAIM_PERIOD) + _get(K.SESSION_DISPUTE_PERIOD), critical, "A20");
        assertLe(_get(K.SESSION_SETTLE_INTERVAL), _get(K.SESSION_CLAIM_PERIOD), "A6");
        uint256 held = _get(K.DISPUTE_PERIOD) + major + system.slashing.VETO_MARGIN()
            + system.slashing.EXECUTION_MARGIN();
        assertLe(held, system.nodes.MAX_HOLD(), "K5");
        assertGe(_get(K.UNBONDING_PERIOD), REPORT_AGE, "A24");
    }

    function _get(bytes32 key) private view returns (uint256) {
        return system.parameters.get(key);
    }

    function _least(bytes32 key) private view returns (uint256 least) {
        (least,,) = system.parameters.boundsOf(key);
    }

    function _most(bytes32 key) private view returns (uint256 most) {
        (, most,) = system.parameters.boundsOf(key);
    }
}
