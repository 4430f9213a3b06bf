// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title BoundedCall
/// @notice Static calls that cannot burn more gas, nor copy more memory, than the caller allows.
library BoundedCall {
    error BoundedCallNotEnoughGas(uint256 available, uint256 needed);

    /// @dev Longest answer that is copied; a longer one counts as a failure.
    uint256 internal constant MAX_ANSWER = 64 * 1024;

    /// @notice Answer of `target` to `data`, or `ok == false` if it has no code, reverts, runs out of its `limit`
    /// or answers too much. Reverts when the caller itself brought too little gas to grant `limit`: an answer
    /// must not depend on how much gas the question came with.
    function read(address target, uint256 limit, bytes memory data)
        internal
        view
        returns (bool ok, bytes memory answer)
    {
        if (target.code.length == 0) return (false, answer);
        uint256 available = gasleft();
        uint256 needed = limit + limit / 32 + 5_000;
        if (available < needed) revert BoundedCallNotEnoughGas(available, needed);
        assembly ("memory-safe") {
            ok := staticcall(limit, target, add(data, 0x20), mload(data), 0, 0)
            let size := returndatasize()
            if gt(size, MAX_ANSWER) {
                size := 0
                ok := 0
            }
            answer := mload(0x40)
            mstore(0x40, and(add(add(answer, size), 0x3f), not(0x1f)))
            mstore(answer, size)
            returndatacopy(add(answer, 0x20), 0, size)
        }
    }

    /// @notice The one word that `target` answers; 0 for any failure.
    function readWord(address target, uint256 limit, bytes memory data) internal view returns (uint256) {
        (bool ok, bytes memory answer) = read(target, limit, data);
        if (!ok || answer.length != 32) return 0;
        return abi.decode(answer, (uint256));
    }
}
