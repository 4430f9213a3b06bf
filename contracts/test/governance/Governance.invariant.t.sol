// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ParameterRegistry} from "../../src/governance/ParameterRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {InvariantTest} from "../utils/InvariantTest.sol";
import {Vm} from "../utils/Vm.sol";

/// @notice Governor and guardian doing whatever they can; nothing here may revert but what is meant to.
contract GovernanceHandler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    ParameterRegistry public immutable REGISTRY;
    address private immutable GUARDIAN;
    address private immutable GOVERNOR;

    /// @notice Longest time a pause or guardian's entry was ever set to last.
    uint256 public longestGuardianPause;
    uint256 public longestPause;
    uint256 public longestGuardianEntry;

    constructor(ParameterRegistry registry, address governor, address guardian) {
        REGISTRY = registry;
        GOVERNOR = governor;
        GUARDIAN = guardian;
    }

    function setAny(uint256 index, uint256 value, bool inside) external {
        bytes32[] memory keys = REGISTRY.keys();
        bytes32 key = keys[index % keys.length];
        (uint256 minimum, uint256 maximum,) = REGISTRY.boundsOf(key);
        if (inside) value = minimum + value % (maximum - minimum + 1);
        vm.prank(GOVERNOR);
        try REGISTRY.set(key, value) {} catch {}
    }

    function setFeeSharesNoRevert(uint16 treasury, uint16 staker) external {
        treasury %= 2_501;
        staker %= 2_501;
        vm.prank(GOVERNOR);
        REGISTRY.setFeeShares(10_000 - treasury - staker, treasury, staker);
    }

    function setWeightsNoRevert(uint16 a, uint16 b, uint16 c) external {
        a %= 334;
        b %= 334;
        c %= 334;
        vm.prank(GOVERNOR);
        REGISTRY.setReputationWeights(a, b, c, 1_000 - a - b - c);
    }

    function pause() external {
        vm.prank(GUARDIAN);
        try REGISTRY.pause() {
            uint256 length = REGISTRY.pausedUntil() - vm.getBlockTimestamp();
            if (length > longestGuardianPause) longestGuardianPause = length;
        } catch {}
        _notePause();
    }

    function renewPauseNoRevert(uint64 duration) external {
        vm.prank(GOVERNOR);
        REGISTRY.renewPause(1 + duration % 30 days);
        _notePause();
    }

    function unpauseNoRevert() external {
        if (!REGISTRY.paused()) return;
        vm.prank(GOVERNOR);
        REGISTRY.unpause();
    }

    function blacklist(uint8 node) external {
        bytes20 id = bytes20(uint160(node) + 1);
        vm.prank(GUARDIAN);
        try REGISTRY.blacklistNode(id, "") {
            uint256 length = REGISTRY.nodeBlacklistedUntil(id) - vm.getBlockTimestamp();
            if (length > longestGuardianEntry) longestGuardianEntry = length;
        } catch {}
    }

    function clearNoRevert(uint8 node) external {
        bytes20 id = bytes20(uint160(node) + 1);
        if (!REGISTRY.nodeBlacklisted(id)) return;
        vm.prank(GOVERNOR);
        REGISTRY.clearNode(id);
    }

    function pruneNoRevert(uint8 node) external {
        bytes20[] memory nodes = new bytes20[](1);
        nodes[0] = bytes20(uint160(node) + 1);
        REGISTRY.pruneBlacklist(nodes);
    }

    function passTimeNoRevert(uint32 time) external {
        vm.warp(vm.getBlockTimestamp() + time % 10 days);
    }

    function _notePause() private {
        uint256 until = REGISTRY.pausedUntil();
        uint256 now_ = vm.getBlockTimestamp();
        if (until > now_ && until - now_ > longestPause) longestPause = until - now_;
    }
}

contract GovernanceInvariantTest is InvariantTest {
    ParameterRegistry private registry;
    GovernanceHandler private handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        address governor = makeAddr("governor");
        address guardian = makeAddr("guardian");
        AccessPolicy policy = new AccessPolicy(governor, address(new TestMemes()), address(0), address(0), 0);
        registry = new ParameterRegistry(
            governor, guardian, address(this), policy, makeAddr("treasury"), new address[](0)
        );
        handler = new GovernanceHandler(registry, governor, guardian);
        targetContract(address(handler));
    }

    /// @dev One campaign for all of them: the actions are what takes time.
    function invariant_AllHold() public view {
        _parametersStayWithinTheirBounds();
        _feeSharesAndWeightsSum();
        _delaysKeepOrderAndFloor();
        _sessionsEndBeforeARotation();
        _stayingNeverNeedsMoreThanEntering();
        _emergencyMeasuresEnd();
    }

    function _parametersStayWithinTheirBounds() private view {
        IParameterRegistry.Parameter[] memory list = registry.parameters();
        for (uint256 i = 0; i < list.length; ++i) {
            assertGe(list[i].value, list[i].minimum, "below");
            assertLe(list[i].value, list[i].maximum, "above");
        }
    }

    function _feeSharesAndWeightsSum() private view {
        (uint16 operator, uint16 treasury, uint16 staker) = registry.feeShares();
        assertEq(uint256(operator) + treasury + staker, 10_000, "fee shares");
        (uint16 uptime, uint16 quality, uint16 stake, uint16 history) = registry.reputationWeights();
        assertEq(uint256(uptime) + quality + stake + history, 1_000, "weights");
    }

    function _delaysKeepOrderAndFloor() private view {
        uint256 standard = registry.get(keccak256("TIMELOCK_DELAY_STANDARD"));
        uint256 major = registry.get(keccak256("TIMELOCK_DELAY_MAJOR"));
        uint256 critical = registry.get(keccak256("TIMELOCK_DELAY_CRITICAL"));
        assertTrue(1 days <= standard && standard <= major && major <= critical, "order");
        assertLe(registry.get(keccak256("FEE_FLOOR")), registry.get(keccak256("FEE_CEILING")), "floor");
    }

    function _sessionsEndBeforeARotation() private view {
        uint256 ending = registry.get(keccak256("SESSION_CLAIM_PERIOD"))
            + registry.get(keccak256("SESSION_DISPUTE_PERIOD"));
        assertLt(ending, registry.get(keccak256("TIMELOCK_DELAY_CRITICAL")), "sessions");
        assertLe(
            registry.get(keccak256("SESSION_SETTLE_INTERVAL")),
            registry.get(keccak256("SESSION_CLAIM_PERIOD")),
            "settle interval"
        );
    }

    function _stayingNeverNeedsMoreThanEntering() private view {
        (uint256 toEnter, uint256 toStay) = registry.minStake();
        assertLe(toStay, toEnter, "stake");
        assertGe(toStay, 0.1 ether, "hard minimum");
    }

    function _emergencyMeasuresEnd() private view {
        assertLe(handler.longestGuardianPause(), 7 days, "guardian's pause");
        assertLe(handler.longestPause(), 30 days, "pause");
        assertLe(handler.longestGuardianEntry(), 14 days, "guardian's entry");
    }
}
