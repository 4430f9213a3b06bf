// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ScoreMath} from "../../src/libraries/ScoreMath.sol";
import {BaseTest} from "../utils/BaseTest.sol";

contract ScoreMathTest is BaseTest {
    uint256 private constant PACKED = 16;
    uint256 private constant YEAR = 365 days;
    uint256 private constant TEN_TERABYTES = 10e12;

    ScoreMath.Parts private _usual = ScoreMath.Parts(300, 300, 200, 200);

    // ------------------------------------------------------------------------------------------------ differential

    /// @dev 10,000 random inputs against exact fractions, see tools/score_vectors.py.
    function test_vectors() public view {
        string memory json = vm.readFile("test/vectors/scores.json");
        uint256 count = vm.parseJsonUint(json, ".count");
        uint256 chunk = vm.parseJsonUint(json, ".chunk");
        assertEq(count, 10_000);
        for (uint256 i = 0; i < count / chunk; ++i) {
            bytes memory expected = vm.parseJsonBytes(json, string.concat(".chunks[", vm.toString(i), "]"));
            assertEq(expected.length, chunk * PACKED);
            // In calls of their own, so that memory stays small.
            this.checkChunk(i * chunk, expected);
        }
    }

    function checkChunk(uint256 first, bytes calldata expected) external pure {
        for (uint256 i = 0; i < expected.length / PACKED; ++i) {
            bytes memory actual = _packed(first + i);
            bytes calldata wanted = expected[i * PACKED:(i + 1) * PACKED];
            assertEq(actual, wanted, string.concat("case ", vm.toString(first + i)));
        }
    }

    function _packed(uint256 case_) private pure returns (bytes memory) {
        (ScoreMath.Inputs memory x, ScoreMath.Parts memory weights) = _inputs(case_);
        ScoreMath.Parts memory parts = ScoreMath.parts(x, weights);
        uint256 average = ScoreMath.step(x.uptime, _draw(case_, 14, 1, 0) == 1);
        return abi.encodePacked(
            uint16(parts.uptime),
            uint16(parts.quality),
            uint16(parts.stake),
            uint16(parts.history),
            uint64(average)
        );
    }

    function _inputs(uint256 case_)
        private
        pure
        returns (ScoreMath.Inputs memory x, ScoreMath.Parts memory weights)
    {
        x.minimum = 0.1 ether + _draw(case_, 0, 99.9 ether, 0);
        uint256 full = 3 * x.minimum;
        weights = _weights(case_);
        x.stake = _draw(case_, 5, 400 ether, 3);
        (bool landmark, uint256 which) = _landmark(case_, 5, 3);
        if (landmark) x.stake = which == 0 ? full : which == 1 ? full - 1 : full / 3;
        x.uptime = _draw(case_, 6, 1e18, 0);
        x.throughput = _draw(case_, 7, 10_000, 0);
        x.latency = _draw(case_, 8, 10_000, 0);
        x.stability = _draw(case_, 9, 10_000, 0);
        x.age = _draw(case_, 10, 3 * YEAR, 2);
        (landmark, which) = _landmark(case_, 10, 2);
        if (landmark) x.age = YEAR - which;
        x.volume = _draw(case_, 11, 3 * TEN_TERABYTES, 2);
        (landmark, which) = _landmark(case_, 11, 2);
        if (landmark) x.volume = TEN_TERABYTES - which;
        x.offences = _draw(case_, 12, 4, 0);
        x.ordinal = 1 + _draw(case_, 13, 99, 0);
    }

    function _weights(uint256 case_) private pure returns (ScoreMath.Parts memory) {
        if (_draw(case_, 4, 1, 0) == 1) return ScoreMath.Parts(300, 300, 200, 200);
        uint256 a = _draw(case_, 1, 1_000, 0);
        uint256 b = _draw(case_, 2, 1_000, 0);
        uint256 c = _draw(case_, 3, 1_000, 0);
        if (a > b) (a, b) = (b, a);
        if (b > c) (b, c) = (c, b);
        if (a > b) (a, b) = (b, a);
        return ScoreMath.Parts(a, b - a, c - b, 1_000 - c);
    }

    /// @dev As in the script: four edges, then the landmarks, which the caller fills in, else anything.
    function _draw(uint256 case_, uint8 field, uint256 maximum, uint256 landmarks)
        private
        pure
        returns (uint256)
    {
        bytes32 digest = _digest(case_, field);
        uint256 choice = uint8(digest[0]) % 16;
        if (choice == 0) return 0;
        if (choice == 1) return 1;
        if (choice == 2) return maximum - 1;
        if (choice == 3) return maximum;
        if (choice < 4 + landmarks) return 0;
        return (uint256(digest) & (type(uint256).max >> 8)) % (maximum + 1);
    }

    function _landmark(uint256 case_, uint8 field, uint256 landmarks) private pure returns (bool, uint256) {
        uint256 choice = uint8(_digest(case_, field)[0]) % 16;
        if (choice < 4 || choice >= 4 + landmarks) return (false, 0);
        return (true, choice - 4);
    }

    function _digest(uint256 case_, uint8 field) private pure returns (bytes32) {
        return sha256(abi.encodePacked("score", uint32(case_), field));
    }

    // ------------------------------------------------------------------------------------------------ examples

    function test_theBestNode() public view {
        ScoreMath.Parts memory parts = ScoreMath.parts(_best(), _usual);
        assertEq(parts.uptime, 300);
        assertEq(parts.quality, 300);
        assertEq(parts.stake, 200);
        assertEq(parts.history, 200);
        assertEq(ScoreMath.total(parts), 1_000);
    }

    function test_stake() public pure {
        assertEq(ScoreMath.stakePart(200, 0.5 ether, 0.5 ether), 66);
        assertEq(ScoreMath.stakePart(200, 1 ether, 0.5 ether), 133);
        assertEq(ScoreMath.stakePart(200, 1.5 ether - 1, 0.5 ether), 199);
        assertEq(ScoreMath.stakePart(200, 1.5 ether, 0.5 ether), 200);
        assertEq(ScoreMath.stakePart(200, type(uint128).max, 0.5 ether), 200);
        assertEq(ScoreMath.stakePart(200, 0, 0), 200);
    }

    function test_history() public pure {
        assertEq(ScoreMath.historyPart(200, 0, 0, 0, 1), 40);
        assertEq(ScoreMath.historyPart(200, 0, 0, 1, 1), 20);
        assertEq(ScoreMath.historyPart(200, 0, 0, 2, 1), 0);
        assertEq(ScoreMath.historyPart(200, YEAR, 0, 2, 1), 80);
        assertEq(ScoreMath.historyPart(200, YEAR / 2, 0, 2, 1), 40);
        assertEq(ScoreMath.historyPart(200, 0, TEN_TERABYTES, 2, 1), 80);
        assertEq(ScoreMath.historyPart(200, 10 * YEAR, type(uint64).max, 0, 1), 200);
        assertEq(ScoreMath.historyPart(200, YEAR, TEN_TERABYTES, 0, 2), 100);
        assertEq(ScoreMath.historyPart(200, YEAR, TEN_TERABYTES, 0, 3), 66);
    }

    /// @dev The moving average: 71 % after a day online, half of what was after 13.5 h offline.
    function test_step() public pure {
        uint256 average = 0;
        for (uint256 hour = 0; hour < 24; ++hour) {
            average = ScoreMath.step(average, true);
        }
        assertEq(average / 1e14, 7_080);
        assertEq(ScoreMath.step(1e18, true), 1e18);
        assertEq(ScoreMath.step(1e18, false), 0.95e18);
        assertEq(ScoreMath.step(0, false), 0);
        assertEq(ScoreMath.step(0, true), 0.05e18);
    }

    /// @dev The fault: rounded down, the average of a node that is always online stuck below 1.
    function test_ema_aPerfectNodeReachesTheWholeUptime() public pure {
        uint256 average = 0;
        uint256 epochs = 0;
        for (; average != 1e18; ++epochs) {
            average = ScoreMath.step(average, true);
        }
        assertEq(epochs, 761);
        assertEq(ScoreMath.uptimePart(300, average), 300);
    }

    // ------------------------------------------------------------------------------------------------ properties

    function test_stepStaysInRange(uint256 average, bool online) public pure {
        average = bound(average, 0, 1e18);
        uint256 next = ScoreMath.step(average, online);
        assertLe(next, 1e18, "range");
        if (online) assertGe(next, average, "rises");
        else assertLe(next, average, "falls");
    }

    /// @dev No part exceeds its weight, so no score exceeds 1000, whatever the weights are.
    function test_partsStayWithinTheirWeights(uint256 case_) public pure {
        (ScoreMath.Inputs memory x, ScoreMath.Parts memory weights) = _inputs(case_);
        ScoreMath.Parts memory parts = ScoreMath.parts(x, weights);
        assertLe(parts.uptime, weights.uptime, "uptime");
        assertLe(parts.quality, weights.quality, "quality");
        assertLe(parts.stake, weights.stake, "stake");
        assertLe(parts.history, weights.history, "history");
        assertLe(ScoreMath.total(parts), 1_000, "total");
    }

    /// @dev Better in anything never costs.
    function test_monotonous(uint256 case_, uint256 more) public pure {
        (ScoreMath.Inputs memory x, ScoreMath.Parts memory weights) = _inputs(case_);
        uint256 before = ScoreMath.total(ScoreMath.parts(x, weights));
        x.uptime = bound(more, x.uptime, 1e18);
        x.throughput = bound(more, x.throughput, 10_000);
        x.latency = bound(more, x.latency, 10_000);
        x.stability = bound(more, x.stability, 10_000);
        x.stake += bound(more, 0, 1_000 ether);
        x.age += bound(more, 0, YEAR);
        x.volume += bound(more, 0, TEN_TERABYTES);
        if (x.offences > 0) --x.offences;
        if (x.ordinal > 1) --x.ordinal;
        assertGe(ScoreMath.total(ScoreMath.parts(x, weights)), before, "monotonous");
    }

    function _best() private pure returns (ScoreMath.Inputs memory) {
        return ScoreMath.Inputs({
            uptime: 1e18,
            throughput: 10_000,
            latency: 10_000,
            stability: 10_000,
            stake: 1.5 ether,
            minimum: 0.5 ether,
            age: YEAR,
            volume: TEN_TERABYTES,
            offences: 0,
            ordinal: 1
        });
    }
}
