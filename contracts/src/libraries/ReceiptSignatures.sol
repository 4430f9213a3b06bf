// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title ReceiptSignatures
/// @notice Whether a signature over a receipt is that of its signer's key.
/// @dev Keys only: a contract wallet (EIP-1271) is asked when a receipt is claimed, so it could disown receipts after
/// the service. Such a wallet names a key as the session's signer.
library ReceiptSignatures {
    /// @dev Code of an account that has delegated (EIP-7702): this prefix and an address. Its key still signs.
    uint256 private constant DELEGATION_SIZE = 23;
    bytes3 private constant DELEGATION_PREFIX = 0xef0100;

    /// @notice Whether `signature` of `digest` is that of the key of `signer`.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal pure returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        return failure == ECDSA.RecoverError.NoError && recovered == signer;
    }

    /// @notice Whether `account` can have a key: it has no code, or has only delegated.
    function isKey(address account) internal view returns (bool) {
        uint256 size = account.code.length;
        if (size == 0) return true;
        if (size != DELEGATION_SIZE) return false;
        bytes32 code;
        assembly ("memory-safe") {
            extcodecopy(account, 0x00, 0x00, 0x20)
            code := mload(0x00)
        }
        return bytes3(code) == DELEGATION_PREFIX;
    }
}
