// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PaymentSplitter} from "../../../src/gateway/PaymentSplitter.sol";
import {DollarCoin} from "../../mocks/tokens/DollarCoin.sol";
import {BaseTest} from "../../utils/BaseTest.sol";
import {GatewayWorld} from "./GatewayWorld.sol";

/// @title SplitterHandler
/// @notice Everything that stakers, governance and strangers can do around payments. Nothing here may revert.
contract SplitterHandler is BaseTest {
    GatewayWorld private immutable WORLD;
    PaymentSplitter private immutable SPLITTER;

    /// @dev Paid straight to the splitter, and pulled from it.
    mapping(address token => uint256) public paid;
    mapping(address token => uint256) public withdrawn;
    mapping(string action => uint256) public done;

    constructor(GatewayWorld world) {
        WORLD = world;
        SPLITTER = world.splitter();
    }

    function payNoRevert(uint256 seed, uint256 amount) external {
        address token = WORLD.tokens(seed % 2);
        if (WORLD.parameters().broken()) return;
        if (!WORLD.parameters().acceptedToken(token) && !_isKnown(token)) return;
        amount = bound(amount, 1, 1e18);
        address payer = WORLD.users((seed >> 8) % 3);
        uint256 i = (seed >> 16) % 3;
        if (token != address(0)) {
            vm.prank(payer);
            DollarCoin(token).approve(address(SPLITTER), amount);
        }
        (bytes20 node, address operator) = (WORLD.nodes(i), WORLD.operators(i));
        vm.prank(payer);
        SPLITTER.split{value: token == address(0) ? amount : 0}(node, operator, token, amount);
        paid[token] += amount;
        ++done["pay"];
    }

    function weighNoRevert(uint256 seed, uint128 weight) external {
        // Sometimes nobody has any weight, and sometimes the report is lost.
        uint256 value = seed >> 252 < 4 ? 0 : bound(weight, 1, 1e26);
        bytes20 node = WORLD.nodes(seed % 3);
        if (seed >> 251 & 1 == 1) WORLD.registry().setWeightSilently(node, value);
        else WORLD.registry().setWeight(node, value);
        ++done["weigh"];
    }

    function syncNoRevert(uint256 seed) external {
        SPLITTER.sync(WORLD.nodes(seed % 3));
        ++done["sync"];
    }

    function harvestNoRevert(uint256 seed) external {
        bytes20 node = WORLD.nodes(seed % 3);
        address token = WORLD.tokens((seed >> 8) % 2);
        uint256 expected = SPLITTER.rewardOf(node, token);
        (, address beneficiary) = SPLITTER.staker(node);
        uint256 credited = SPLITTER.harvest(node, token);
        assertEq(credited, beneficiary == address(0) ? 0 : expected, "harvest pays what the view says");
        if (credited != 0) ++done["harvest"];
    }

    function withdrawNoRevert(uint256 seed) external {
        address token = WORLD.tokens(seed % 2);
        uint256 who = (seed >> 8) % 4;
        uint256 amount =
            who == 3 ? SPLITTER.treasuryPending(token) : SPLITTER.pending(WORLD.operators(who), token);
        if (amount == 0) return;
        address receiver = WORLD.operators(who % 3);
        vm.prank(receiver);
        if (who == 3) SPLITTER.collectTreasury(token);
        else SPLITTER.withdraw(token);
        withdrawn[token] += amount;
        ++done["withdraw"];
    }

    function governNoRevert(uint256 seed) external {
        uint16 treasuryBps = uint16(seed % 3_001);
        uint16 stakerBps = uint16((seed >> 16) % 3_001);
        WORLD.parameters().setShares(10_000 - treasuryBps - stakerBps, treasuryBps, stakerBps);
        WORLD.parameters().setPaused(seed >> 253 == 0);
        WORLD.parameters().setBroken((seed >> 250) & 7 == 0);
        WORLD.parameters().setAccepted(WORLD.tokens((seed >> 32) % 2), (seed >> 240) & 3 != 0);
        ++done["govern"];
    }

    function _isKnown(address token) private view returns (bool) {
        address[] memory list = SPLITTER.tokens();
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == token) return true;
        }
        return false;
    }
}
