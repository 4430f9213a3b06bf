// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bech32} from "../../src/libraries/Bech32.sol";
import {BaseTest} from "../utils/BaseTest.sol";

contract Bech32Test is BaseTest {
    bytes private constant ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    /// @dev Written by cosmjs.
    function test_vectors() public pure {
        assertEq(Bech32.encode("sentnode", bytes20(0)), "sentnode1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq7whlxy");
        assertEq(
            Bech32.encode("sent", bytes20(type(uint160).max)), "sent1llllllllllllllllllllllllllllllllyfhfyc"
        );
        assertEq(
            Bech32.encode("sentprov", bytes20(hex"fb04dcb6970e4c3d1873de51fd5a50d7bb46b338")),
            "sentprov1lvzded5hpexr6xrnmegl6kjs67a5dvecn95wg5"
        );
        assertEq(
            Bech32.encode("a", bytes20(hex"e0d2747b9ab7abb6eb65e0373fa1b428a28bd6d8")),
            "a1urf8g7u6k74md6m9uqmnlgd59z3gh4kc7tkjkn"
        );
    }

    /// @dev Read back as BIP-173 says: the checksum holds and the payload is the account.
    function test_readsBack(bytes20 account) public pure {
        bytes memory text = bytes(Bech32.encode("sentnode", account));
        assertEq(text.length, 8 + 1 + 38);
        uint256 check = 1;
        for (uint256 i = 0; i < 8; ++i) {
            check = _polymod(check) ^ (uint8(text[i]) >> 5);
        }
        check = _polymod(check);
        for (uint256 i = 0; i < 8; ++i) {
            check = _polymod(check) ^ (uint8(text[i]) & 31);
        }
        uint256 payload = 0;
        for (uint256 i = 9; i < text.length; ++i) {
            uint256 value = _value(text[i]);
            check = _polymod(check) ^ value;
            if (i < 9 + 32) payload = (payload << 5) | value;
        }
        assertEq(check, 1, "checksum");
        assertEq(address(uint160(payload)), address(account));
    }

    /// @dev As in the reference code of BIP-173, without the value.
    function _polymod(uint256 check) private pure returns (uint256 next) {
        uint32[5] memory generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
        next = (check & 0x1ffffff) << 5;
        for (uint256 i = 0; i < 5; ++i) {
            if ((check >> (25 + i)) & 1 == 1) next ^= generator[i];
        }
    }

    function _value(bytes1 char) private pure returns (uint256) {
        for (uint256 i = 0; i < 32; ++i) {
            if (ALPHABET[i] == char) return i;
        }
        revert("not in the alphabet");
    }
}
