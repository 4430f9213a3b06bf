// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../interfaces/ISessionManager.sol";

/// @title SessionHashes
/// @notice EIP-712 struct hashes of what users and the committee sign for the SessionManager.
/// @dev A receipt is signed in the SessionManager's domain. Usage and decisions are signed in the committee's domain,
/// which knows chain and committee only: they name the SessionManager and the committee's version themselves.
library SessionHashes {
    /// @dev Node and token are there for the reader of the wallet's prompt, and so that a reorganised chain cannot
    /// give the same session id to another bargain.
    bytes32 internal constant RECEIPT =
        keccak256("Receipt(uint256 sessionId,bytes20 node,address token,uint256 amount)");
    bytes32 internal constant USAGE =
        keccak256("Usage(uint256 sessionId,bytes20 account,bytes20 node,uint256 from,uint256 amount)");
    bytes32 internal constant USAGE_BATCH = keccak256(
        "UsageBatch(address manager,uint64 version,uint64 epoch,Usage[] usages)"
        "Usage(uint256 sessionId,bytes20 account,bytes20 node,uint256 from,uint256 amount)"
    );
    bytes32 internal constant SHARE = keccak256("Share(bytes20 node,uint256 amount)");
    bytes32 internal constant RESOLUTION = keccak256(
        "Resolution(address manager,uint64 version,uint256 sessionId,Share[] shares,bool upheld)"
        "Share(bytes20 node,uint256 amount)"
    );

    function receipt(uint256 sessionId, bytes20 node, address token, uint256 amount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(RECEIPT, sessionId, node, token, amount));
    }

    function usageBatch(ISessionManager.Usage[] calldata usages, uint64 epoch, uint64 version)
        internal
        view
        returns (bytes32)
    {
        bytes32[] memory items = new bytes32[](usages.length);
        for (uint256 i = 0; i < usages.length; ++i) {
            ISessionManager.Usage calldata usage = usages[i];
            items[i] = keccak256(abi.encode(USAGE, usage));
        }
        bytes32 list = keccak256(abi.encodePacked(items));
        return keccak256(abi.encode(USAGE_BATCH, address(this), version, epoch, list));
    }

    function resolution(ISessionManager.Resolution calldata decision, uint64 version)
        internal
        view
        returns (bytes32)
    {
        bytes32[] memory items = new bytes32[](decision.shares.length);
        for (uint256 i = 0; i < items.length; ++i) {
            items[i] = keccak256(abi.encode(SHARE, decision.shares[i]));
        }
        bytes32 list = keccak256(abi.encodePacked(items));
        return
            keccak256(
                abi.encode(RESOLUTION, address(this), version, decision.sessionId, list, decision.upheld)
            );
    }
}
