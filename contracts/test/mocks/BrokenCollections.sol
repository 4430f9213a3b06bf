// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A collection whose every read fails.
contract RevertingCollection {
    fallback() external {
        revert("broken");
    }
}

/// @notice A collection whose reads burn all gas.
contract BurningCollection {
    fallback() external {
        assembly {
            invalid()
        }
    }
}

/// @notice A collection that answers "yes" to everything, but not in one word.
contract TalkativeCollection {
    fallback() external {
        assembly {
            mstore(0, 1)
            return(0, 64)
        }
    }
}
