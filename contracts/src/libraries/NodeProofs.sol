// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Bech32} from "./Bech32.sol";
import {Secp256k1} from "./Secp256k1.sol";

/// @title NodeProofs
/// @notice What a node's own key signs, and whether it did.
/// @dev The message is text, so that a wallet shows what is signed. It names the registry and the chain, so it is
/// worth nothing elsewhere, and a nonce, so it is worth nothing twice.
library NodeProofs {
    /// @notice The signature is over sha256 of the message: what a Cosmos keyring makes of the message's bytes.
    uint8 internal constant RAW = 0;
    /// @notice The signature is over sha256 of the message's ADR-036 sign document: what Keplr and a Ledger make.
    uint8 internal constant ADR036 = 1;

    /// @notice The text by which `node` lets `operator` run it.
    function registration(address registry, bytes20 node, address operator, uint256 nonce)
        internal
        view
        returns (string memory)
    {
        return _text("register", Bech32.encode("sentnode", node), registry, operator, nonce);
    }

    /// @notice The text by which `node` gives its record to `newNode`, and `newNode` takes it.
    function keyChange(address registry, bytes20 node, bytes20 newNode, address operator, uint256 nonce)
        internal
        view
        returns (string memory)
    {
        string memory names = string.concat(
            Bech32.encode("sentnode", node), "\nnew node: ", Bech32.encode("sentnode", newNode)
        );
        return _text("change key", names, registry, operator, nonce);
    }

    /// @notice Whether `pubKey` is the key of `node`.
    function isKey(bytes20 node, bytes memory pubKey) internal pure returns (bool) {
        return pubKey.length == 33 && Secp256k1.cosmosAddress(pubKey) == node;
    }

    /// @notice Whether `signature` by `pubKey`, which is the key of `node`, is over `message` in this form.
    function isSigned(
        bytes20 node,
        string memory message,
        bytes memory pubKey,
        bytes memory signature,
        uint8 form
    ) internal view returns (bool) {
        if (form > ADR036) return false;
        bytes memory signed = form == RAW ? bytes(message) : bytes(signDocument(node, message));
        return Secp256k1.isSignature(Secp256k1.ethereumAddress(pubKey), sha256(signed), signature);
    }

    /// @notice The ADR-036 document that wallets sign for `message`, in canonical amino JSON.
    function signDocument(bytes20 node, string memory message) internal pure returns (string memory) {
        return string.concat(
            '{"account_number":"0","chain_id":"","fee":{"amount":[],"gas":"0"},"memo":"",',
            '"msgs":[{"type":"sign/MsgSignData","value":{"data":"',
            Base64.encode(bytes(message)),
            '","signer":"',
            Bech32.encode("sent", node),
            '"}}],"sequence":"0"}'
        );
    }

    function _text(
        string memory action,
        string memory names,
        address registry,
        address operator,
        uint256 nonce
    ) private view returns (string memory) {
        return string.concat(
            "Sovereign Gate node proof\naction: ",
            action,
            "\nnode: ",
            names,
            "\noperator: ",
            Strings.toHexString(operator),
            "\nregistry: ",
            Strings.toHexString(registry),
            "\nchain: ",
            Strings.toString(block.chainid),
            "\nnonce: ",
            Strings.toString(nonce)
        );
    }
}
