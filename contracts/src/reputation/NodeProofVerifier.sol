// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NodeProof} from "../interfaces/INodeRegistry.sol";
import {NodeProofs} from "../libraries/NodeProofs.sol";

/// @title NodeProofVerifier
/// @notice The NodeProofs library for the registry that calls it, in a contract of its own for the size limit.
/// @dev Without state or power. The NodeRegistry deploys its own.
contract NodeProofVerifier {
    /// @notice What a proof can be.
    enum Result {
        Valid,
        WrongKey,
        WrongSignature
    }

    /// @notice The text by which `node` lets `operator` run it in the calling registry.
    function registration(bytes20 node, address operator, uint256 nonce)
        external
        view
        returns (string memory)
    {
        return NodeProofs.registration(msg.sender, node, operator, nonce);
    }

    /// @notice The text by which a record of the calling registry goes from `node` to `newNode`.
    function keyChange(bytes20 node, bytes20 newNode, address operator, uint256 nonce)
        external
        view
        returns (string memory)
    {
        return NodeProofs.keyChange(msg.sender, node, newNode, operator, nonce);
    }

    /// @notice Whether `proof` is by the key of `node` over `message`.
    function check(bytes20 node, string calldata message, NodeProof calldata proof)
        external
        view
        returns (Result)
    {
        if (!NodeProofs.isKey(node, proof.pubKey)) return Result.WrongKey;
        if (!NodeProofs.isSigned(node, message, proof.pubKey, proof.signature, proof.form)) {
            return Result.WrongSignature;
        }
        return Result.Valid;
    }
}
