// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NodeProofs} from "../../src/libraries/NodeProofs.sol";
import {Secp256k1} from "../../src/libraries/Secp256k1.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @notice A registration as a Cosmos keyring and Keplr sign it: made with @cosmjs/crypto and @keplr-wallet/cosmos.
contract NodeProofsTest is BaseTest {
    bytes private constant KEY = hex"0336759d2cf1ad1b8cbef5173cf462508609462dcdeacea52e987fb9cd0a200175";
    bytes20 private constant NODE = bytes20(hex"f00eacb71e91cb562542fbec0d7297a7b088d6d8");
    bytes private constant RAW =
        hex"265d2068b143bb1edd229321643058ab54e9444a627f48a0e8fef928546fd7fa78729e21789044dcdd9797d35f5f8fd0beb8d4d9adf827d3671c18bf64381f1f";
    bytes private constant ADR036 =
        hex"6ba3e6a70745e2d64779c8207dc7f9c8ef31cf8344fb96df1fae08c550ca505d3fa208353fd85d4501a1ebba51023bd137d02c6ddb38760c82d1293d8e2da605";
    string private constant MESSAGE = "Sovereign Gate node proof\naction: register\n"
        "node: sentnode17q82edc7j894vf2zl0kq6u5h57cg34kcr204ga\n"
        "operator: 0x00000000000000000000000000000000000a11ce\n"
        "registry: 0x5fbdb2315678afecb367f032d93f642f64180aa3\nchain: 11155111\nnonce: 7";
    string private constant DOCUMENT =
        '{"account_number":"0","chain_id":"","fee":{"amount":[],"gas":"0"},"memo":"","msgs":[{"type":"sign/MsgSignData","value":{"data":"U292ZXJlaWduIEdhdGUgbm9kZSBwcm9vZgphY3Rpb246IHJlZ2lzdGVyCm5vZGU6IHNlbnRub2RlMTdxODJlZGM3ajg5NHZmMnpsMGtxNnU1aDU3Y2czNGtjcjIwNGdhCm9wZXJhdG9yOiAweDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwYTExY2UKcmVnaXN0cnk6IDB4NWZiZGIyMzE1Njc4YWZlY2IzNjdmMDMyZDkzZjY0MmY2NDE4MGFhMwpjaGFpbjogMTExNTUxMTEKbm9uY2U6IDc=","signer":"sent17q82edc7j894vf2zl0kq6u5h57cg34kc4uwvdt"}}],"sequence":"0"}';

    function test_addressOfTheKey() public pure {
        assertEq(Secp256k1.cosmosAddress(KEY), NODE);
        assertTrue(NodeProofs.isKey(NODE, KEY), "key");
    }

    function test_message() public {
        vm.chainId(11_155_111);
        string memory message = NodeProofs.registration(
            0x5FbDB2315678afecb367f032d93F642f64180aa3, NODE, 0x00000000000000000000000000000000000A11cE, 7
        );
        assertEq(message, MESSAGE);
    }

    function test_keyChangeMessage() public {
        vm.chainId(1);
        assertEq(
            NodeProofs.keyChange(address(1), NODE, bytes20(0), address(2), 0),
            "Sovereign Gate node proof\naction: change key\n"
            "node: sentnode17q82edc7j894vf2zl0kq6u5h57cg34kcr204ga\n"
            "new node: sentnode1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq7whlxy\n"
            "operator: 0x0000000000000000000000000000000000000002\n"
            "registry: 0x0000000000000000000000000000000000000001\nchain: 1\nnonce: 0"
        );
    }

    function test_document() public pure {
        assertEq(NodeProofs.signDocument(NODE, MESSAGE), DOCUMENT);
    }

    function test_signatures() public view {
        assertTrue(NodeProofs.isSigned(NODE, MESSAGE, KEY, RAW, 0), "keyring");
        assertTrue(NodeProofs.isSigned(NODE, MESSAGE, KEY, ADR036, 1), "Keplr");
        assertFalse(NodeProofs.isSigned(NODE, MESSAGE, KEY, ADR036, 0), "another form");
        assertFalse(NodeProofs.isSigned(NODE, MESSAGE, KEY, RAW, 1), "another form");
        assertFalse(NodeProofs.isSigned(NODE, MESSAGE, KEY, RAW, 2), "no form");
        assertFalse(NodeProofs.isSigned(NODE, "another", KEY, RAW, 0), "another message");
    }

    function test_anyChangedBitIsRefused(uint256 bit, bool adr036) public view {
        bytes memory changed = adr036 ? ADR036 : RAW;
        bit = bound(bit, 0, 511);
        changed[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        assertFalse(NodeProofs.isSigned(NODE, MESSAGE, KEY, changed, adr036 ? 1 : 0), "changed bit");
    }
}
