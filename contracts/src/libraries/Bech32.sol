// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Bech32
/// @notice Writes a 20-byte address as Cosmos chains do (BIP-173), e.g. `sentnode1…`.
library Bech32 {
    bytes32 private constant ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    /// @notice `account` under the prefix `hrp`, which must be lower-case ASCII.
    function encode(string memory hrp, bytes20 account) internal pure returns (string memory) {
        bytes memory prefix = bytes(hrp);
        uint256 length = prefix.length;
        bytes memory out = new bytes(length + 1 + 32 + 6);

        uint256 check = 1;
        for (uint256 i = 0; i < length; ++i) {
            out[i] = prefix[i];
            check = _polymod(check, uint8(prefix[i]) >> 5);
        }
        check = _polymod(check, 0);
        for (uint256 i = 0; i < length; ++i) {
            check = _polymod(check, uint8(prefix[i]) & 31);
        }

        out[length] = "1";
        uint256 bits = uint160(account);
        for (uint256 i = 0; i < 32; ++i) {
            uint256 value = (bits >> (155 - 5 * i)) & 31;
            check = _polymod(check, value);
            out[length + 1 + i] = ALPHABET[value];
        }

        for (uint256 i = 0; i < 6; ++i) {
            check = _polymod(check, 0);
        }
        check ^= 1;
        for (uint256 i = 0; i < 6; ++i) {
            out[length + 33 + i] = ALPHABET[(check >> (25 - 5 * i)) & 31];
        }
        return string(out);
    }

    /// @dev One step of the checksum, a BCH code over GF(32).
    function _polymod(uint256 check, uint256 value) private pure returns (uint256 next) {
        uint256 top = check >> 25;
        next = ((check & 0x1ffffff) << 5) ^ value;
        if (top & 1 != 0) next ^= 0x3b6a57b2;
        if (top & 2 != 0) next ^= 0x26508e6d;
        if (top & 4 != 0) next ^= 0x1ea119fa;
        if (top & 8 != 0) next ^= 0x3d4233dd;
        if (top & 16 != 0) next ^= 0x2a1462b3;
    }
}
