// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bonds} from "../../src/libraries/Bonds.sol";
import {BaseTest} from "../utils/BaseTest.sol";

contract BondsTest is BaseTest {
    using Bonds for Bonds.Bond;

    Bonds.Bond private _bond;

    function setUp() public {
        vm.warp(1_900_000_000);
        _bond.add(10 ether);
    }

    /// @dev Whatever happens in between: after the unbonding time and the longest hold, all is free.
    function test_aWayOutAlwaysOpens(uint256 seed) public {
        _bond.unbond(6 ether, 21 days);
        uint256 end = vm.getBlockTimestamp() + 21 days + 60 days;
        uint256 time = vm.getBlockTimestamp();
        while (time < end) {
            seed = uint256(keccak256(abi.encode(seed)));
            _bond.hold(uint64(time + seed % 60 days));
            time += 1 + (seed >> 128) % 10 days;
            vm.warp(time);
        }
        vm.warp(end);
        assertEq(_bond.release(), 6 ether);
        assertEq(_bond.release(), 0);
        assertEq(_bond.staked, 4 ether);
    }

    function test_A13_liftingTheLastHold() public {
        _bond.lift();
        _bond.unbond(6 ether, 21 days);
        uint64 now_ = uint64(vm.getBlockTimestamp());
        _bond.hold(now_ + 40 days);
        _bond.hold(now_ + 30 days);
        _bond.lift();
        assertEq(_bond.freeAt(), now_ + 40 days);
        _bond.lift();
        assertEq(_bond.freeAt(), now_ + 21 days);
        // Nothing of it counts for what unbonds later.
        _bond.unbond(1 ether, 7 days);
        assertEq(_bond.freeAt(), now_ + 7 days);
    }

    function test_releaseTwice() public {
        _bond.unbond(6 ether, 21 days);
        skip(21 days - 1);
        assertEq(_bond.release(), 0);
        skip(1);
        assertEq(_bond.release(), 6 ether);
        assertEq(_bond.unbonding, 0);
    }

    function test_slashRoundsDown() public {
        _bond.staked = 3;
        _bond.unbonding = 9_999;
        (uint256 fromStaked, uint256 fromUnbonding) = _bond.slash(1);
        assertEq(fromStaked, 0);
        assertEq(fromUnbonding, 0);
        (fromStaked, fromUnbonding) = _bond.slash(10_000);
        assertEq(fromStaked, 3);
        assertEq(fromUnbonding, 9_999);
    }

    function test_slashIsExact(uint128 staked, uint128 unbonding, uint256 bps) public {
        bps = bound(bps, 0, 10_000);
        _bond.staked = staked;
        _bond.unbonding = unbonding;
        (uint256 fromStaked, uint256 fromUnbonding) = _bond.slash(bps);
        assertEq(_bond.staked + fromStaked, staked);
        assertEq(_bond.unbonding + fromUnbonding, unbonding);
        assertEq(fromStaked, uint256(staked) * bps / 10_000);
    }

    function test_unbondMoreThanThereIs() public {
        vm.expectRevert();
        this.unbond(10 ether + 1);
    }

    function test_addBeyondTheField() public {
        vm.expectRevert();
        this.add(type(uint128).max);
    }

    function unbond(uint256 amount) external {
        _bond.unbond(amount, 1);
    }

    function add(uint256 amount) external {
        _bond.add(amount);
    }
}
