// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title ReceiptSignatures
/// @notice Whether a signature over a receipt is its signer's: a key's, or a contract wallet's (EIP-1271).
library ReceiptSignatures {
    /// @notice Gas that a contract wallet gets: enough for a passkey in pure Solidity, and a bound on what a hostile
    /// wallet can burn of an operator's batch.
    uint256 internal constant WALLET_GAS = 600_000;

    /// @dev The key is asked first, although the signer may have code: an EIP-7702 account must not be able to
    /// disown the receipts of its key by delegating to code that refuses them.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return signer.code.length != 0 && _walletApproves(signer, digest, signature);
    }

    /// @dev Reads one word at most, however much the wallet returns.
    function _walletApproves(address wallet, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bool success;
        bytes32 answer;
        assembly ("memory-safe") {
            mstore(0x00, 0)
            success := staticcall(WALLET_GAS, wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            answer := mload(0x00)
        }
        return success && answer == bytes32(IERC1271.isValidSignature.selector);
    }
}
