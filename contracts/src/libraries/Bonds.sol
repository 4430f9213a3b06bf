// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Bonds
/// @notice ETH at stake that leaves only after a time in which it can still be slashed.
/// @dev Both parts stay in reach of `slash` until they are `release`d. A hold lengthens the time of what is
/// unbonding, but only while it has not unbonded by the clock: the last hold counts from before that moment, so
/// holds cannot be chained and the longest wait is the unbonding time plus one hold.
library Bonds {
    using SafeCast for uint256;

    /// @param staked at stake.
    /// @param unbonding on its way out, in one lump with one clock.
    /// @param unbondsAt when its time is over.
    /// @param heldUntil until when it is held beyond that.
    /// @param disputedUntil the latest hold asked for; counts for what starts to unbond before it is over.
    /// @param holds number of holds that were placed and not lifted.
    struct Bond {
        uint128 staked;
        uint128 unbonding;
        uint64 unbondsAt;
        uint64 heldUntil;
        uint64 disputedUntil;
        uint32 holds;
    }

    uint256 internal constant BPS = 10_000;

    /// @notice Add `amount` to what is at stake.
    function add(Bond storage bond, uint256 amount) internal {
        bond.staked = (bond.staked + amount).toUint128();
    }

    /// @notice Send `amount` on its way out; the clock of all that is on its way starts anew.
    function unbond(Bond storage bond, uint256 amount, uint256 period) internal {
        bond.staked -= amount.toUint128();
        bond.unbonding += amount.toUint128();
        bond.unbondsAt = (block.timestamp + period).toUint64();
        if (bond.disputedUntil > bond.heldUntil) bond.heldUntil = bond.disputedUntil;
    }

    /// @notice When all that is on its way is free.
    function freeAt(Bond storage bond) internal view returns (uint256) {
        return Math.max(bond.unbondsAt, bond.heldUntil);
    }

    /// @notice Let go of what is free.
    function release(Bond storage bond) internal returns (uint256 amount) {
        if (block.timestamp < freeAt(bond)) return 0;
        amount = bond.unbonding;
        if (amount != 0) bond.unbonding = 0;
    }

    /// @notice Hold what is on its way until `until`.
    function hold(Bond storage bond, uint64 until) internal {
        ++bond.holds;
        if (until > bond.disputedUntil) bond.disputedUntil = until;
        bool running = bond.unbonding != 0 && block.timestamp < bond.unbondsAt;
        if (running && until > bond.heldUntil) bond.heldUntil = until;
    }

    /// @notice Lift one hold. With the last one what is on its way is free by its own clock again.
    function lift(Bond storage bond) internal {
        if (bond.holds == 0 || --bond.holds != 0) return;
        (bond.heldUntil, bond.disputedUntil) = (0, 0);
    }

    /// @notice Take `bps` of both parts, rounded down.
    function slash(Bond storage bond, uint256 bps)
        internal
        returns (uint256 fromStaked, uint256 fromUnbonding)
    {
        fromStaked = bond.staked * bps / BPS;
        fromUnbonding = bond.unbonding * bps / BPS;
        bond.staked -= fromStaked.toUint128();
        bond.unbonding -= fromUnbonding.toUint128();
    }
}
